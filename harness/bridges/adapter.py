"""What the kit knows of a bridge: an adapter of about ten lines, with a base class for what most bridges share."""

import enum
from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar, Protocol, TypeVar

import anyio.to_thread

T = TypeVar("T")


class Context(enum.StrEnum):
    """Where a call is made from."""

    NO_LOOP = "no_loop"
    """A thread without a running loop."""
    WORKER = "worker"
    """A worker thread of a host loop, entered by the bridge's documented way."""
    ON_LOOP = "on_loop"
    """The host loop's own thread, by a plain call."""
    PORTAL = "portal"
    """The host loop's own thread, inside of the bridge's portal."""


class Option(enum.StrEnum):
    """What `Adapter.run` may be given beside the function and its arguments."""

    TIMEOUT = "timeout"
    """Seconds."""
    CANCEL = "cancel"
    """A token of `Adapter.token`."""
    COPY_CONTEXT_BACK = "copy_context_back"
    """Whether context variables that were set inside are visible to the caller afterwards."""


class Token(Protocol):
    """What cancels a call from another thread."""

    def cancel(self) -> None:
        """Cancel the calls that were given this token, and those that will be."""


class Adapter:
    """A bridge, as the kit calls it. Subclass it, name the capabilities, and write `run`.

    A fresh instance serves one cell, in a process of its own. `name` is the row in the matrix; `distribution` is
    what its version is asked of, empty where there is none.
    """

    name: ClassVar[str]
    distribution: ClassVar[str] = ""
    contexts: ClassVar[frozenset[Context]] = frozenset({Context.NO_LOOP, Context.WORKER, Context.ON_LOOP})
    accepts: ClassVar[frozenset[Option]] = frozenset()
    declares: ClassVar[frozenset[str]] = frozenset()
    """Cells that the bridge says it does not hold ("G1/on_loop"): measured, and never read as a pass. Only where a refusal
    would be accepted too; elsewhere a declaration changes nothing."""
    shows_changes: ClassVar[bool] = False
    """Whether context variables that were set inside are visible to the caller without being asked for."""

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a coroutine function from sync code: its value, or what it raised. `options` are among `accepts`."""
        raise NotImplementedError  # refused before it comes to that: an adapter without a run of its own is none

    async def in_worker(self, function: Callable[[], T]) -> T:
        """Run a sync function in a worker thread of the running loop, by the bridge's documented way."""
        return await anyio.to_thread.run_sync(function)

    async def portal(self, function: Callable[[], T]) -> T:
        """Run a sync function on the loop's own thread, inside of the bridge's portal."""
        raise NotImplementedError  # refused before it comes to that: `contexts` names a portal that is not there

    def token(self) -> Token:
        """A new token, for bridges that accept `cancel`."""
        raise NotImplementedError  # refused before it comes to that: `accepts` names a token that is not there

    def close(self) -> None:
        """End what the bridge has started; called once, after the last call, where a cell has passed or a stress ended.

        A cell that has failed, hung or refused is not closed: its process is gone at once.
        """

    @classmethod
    def version(cls) -> str:
        """Version of the distribution, `-` where there is none."""
        return metadata.version(cls.distribution) if cls.distribution else "-"
