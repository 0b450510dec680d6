"""The link between a target in this process and its provider: it can refuse connections, and cut those that are open."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

Cut = Callable[[str], None]


class Link:
    """The network seam of a run without sockets (`harness.rig.NetworkSeam`). It may be used from several loops."""

    def __init__(self, *, fired: Callable[[str, str], None]) -> None:
        self._fired = fired
        self._lock = threading.Lock()
        self._refusing: tuple[str, ...] = ()
        self._open: dict[asyncio.Future[str], asyncio.AbstractEventLoop] = {}

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """While open, connecting is refused; calls that are in flight when it opens are cut. Each is a firing."""
        with self._lock:
            self._refusing = (*self._refusing, fault)
            flying = tuple(self._open.items())
        for cut, loop in flying:
            loop.call_soon_threadsafe(_settle, cut, fault)
        try:
            yield
        finally:
            with self._lock:
                left = list(self._refusing)
                left.remove(fault)
                self._refusing = tuple(left)

    def refusing(self) -> bool:
        """Whether a connection that is tried now is refused; where it is, that is a firing."""
        with self._lock:
            faults = self._refusing
        if faults:
            self._fired(faults[-1], "a connection to the provider was refused")
        return bool(faults)

    @contextmanager
    def connected(self) -> Iterator[asyncio.Future[str]]:
        """A connection of the running loop: the future gets the name of the fault that cuts it."""
        loop = asyncio.get_running_loop()
        cut: asyncio.Future[str] = loop.create_future()
        with self._lock:
            self._open[cut] = loop
        try:
            yield cut
        finally:
            with self._lock:
                del self._open[cut]
            cut.cancel()

    def was_cut(self, fault: str) -> None:
        """Note that an open connection was cut."""
        self._fired(fault, "an open connection to the provider was cut")


def _settle(cut: asyncio.Future[str], fault: str) -> None:
    """Cut a connection that is still open, on its own loop."""
    if not cut.done():
        cut.set_result(fault)
