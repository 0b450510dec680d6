"""Calling async code from sync code (signatures; bodies follow)."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from reference_app.observability import Logger

T = TypeVar("T")


class BridgeError(Exception):
    """Any refusal of the bridge."""


class BridgeTimeout(BridgeError, TimeoutError):
    """The call did not end in its time."""


class BridgeOnLoop(BridgeError):
    """Called on a running loop's own thread, outside a portal."""


class BridgeReentry(BridgeError):
    """Called from inside the loop that the bridge itself drives."""


class BridgeClosed(BridgeError):
    """The bridge is closed."""


class Bridge:
    """The ways from sync code into async code and back."""

    def __init__(self, *, log: Logger) -> None:
        self._log = log

    def adopt(self) -> None:
        """Name the running loop as the owner; called on it, in the lifespan."""

    def run(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float | None = None,
        copy_context_back: bool = False,
        when_on_loop: Literal["refuse", "block"] = "refuse",
    ) -> T:
        """Call a coroutine function from sync code."""
        raise NotImplementedError

    async def portal(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function on the loop's own thread, in a portal."""
        raise NotImplementedError

    async def thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function in a worker thread."""
        raise NotImplementedError

    def close(self) -> None:
        """End the background loop, if there is one."""
