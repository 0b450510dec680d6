"""The bridge, as a conformance kit of bridges calls it: by this file's classes, each a row of its matrix.

The kit is named by nothing here; it needs the attributes only.
"""

from collections.abc import Callable
from importlib import metadata
from typing import Any, TypeVar

import structlog

from reference_app.bridge import Bridge, CancelToken

T = TypeVar("T")


class Shakeout:
    """The bridge with its default: refused on a loop's own thread outside of a portal."""

    name = "shakeout"
    contexts = frozenset({"no_loop", "worker", "on_loop", "portal"})
    accepts = frozenset({"timeout", "cancel", "copy_context_back"})
    declares: frozenset[str] = frozenset()
    shows_changes = False
    step_at_once = True

    def __init__(self) -> None:
        self._bridge = Bridge(log=structlog.get_logger(), step_at_once=self.step_at_once)
        self.run: Callable[..., Any] = self._bridge.run

    async def in_worker(self, function: Callable[[], T]) -> T:
        """Run a sync function in a worker thread."""
        return await self._bridge.thread(function)

    async def portal(self, function: Callable[[], T]) -> T:
        """Run a sync function in the portal."""
        return await self._bridge.portal(function)

    def token(self) -> CancelToken:
        """A new token."""
        return CancelToken()

    def close(self) -> None:
        """End the bridge."""
        self._bridge.close()

    @classmethod
    def version(cls) -> str:
        """The version of the distribution."""
        return metadata.version("shakeout")


class ShakeoutFallback(Shakeout):
    """The bridge where a first step cannot be run at once."""

    name = "shakeout-fallback"
    step_at_once = False


class ShakeoutBlock(Shakeout):
    """The bridge told to block a running loop: it does not tick meanwhile, which the bridge declares.

    A call without a timeout gets one, for to block needs one.
    """

    name = "shakeout-block"
    declares = frozenset({"G1/on_loop"})
    timeout_s = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.run = self._run

    def _run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self._bridge.run(
            function, *args, when_on_loop="block", **({"timeout": self.timeout_s} | options)
        )
