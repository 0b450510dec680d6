"""The link between a target in this process and its provider: it can refuse, shape what goes over it, and cut it."""

import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from harness.errors import UsageError
from harness.provider.line import Cut, Line
from harness.rig import Clock, Window
from harness.wire import Applied, Toxic

T = TypeVar("T")


class Link:
    """The network seam of a run without sockets (`harness.rig.NetworkSeam`). It may be used from several loops.

    Here each call is a connection of its own. All draws follow from `seed`.
    """

    def __init__(self, *, fired: Callable[[str, str], None], seed: str = "") -> None:
        self._fired = fired
        self._random = random.Random(f"link-{seed}")
        self._lock = threading.Lock()
        self._refusing: tuple[str, ...] = ()
        self._applied: tuple[Applied, ...] = ()
        self._open: dict[Line, None] = {}
        self._calls = 0

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """While open, connecting is refused; calls that are in flight when it opens are cut. Each is a firing."""
        with self._lock:
            self._refusing = (*self._refusing, fault)
            flying = tuple(self._open)
        _cut(flying, fault)
        try:
            yield
        finally:
            with self._lock:
                left = list(self._refusing)
                left.remove(fault)
                self._refusing = tuple(left)

    @asynccontextmanager
    async def shaped(
        self, fault: str, toxic: Toxic, window: Window, *, link: str = "provider"
    ) -> AsyncIterator[None]:
        """While open, do what `toxic` says to the calls that `window` lets through, those in flight first.

        Raises:
            UsageError: it takes a wire, or a link that is not here.
        """
        if complaint := _complaint(toxic, link):
            raise UsageError(f"{fault}: {complaint}; play it live")
        with self._lock:
            stream = random.Random(self._random.random())
            applied = Applied(fault, toxic, window, stream=stream, fired=self._fired)
            self._applied = (*self._applied, applied)
            flying = tuple(self._open)
            met = [line for line in flying if applied.lets_through()]
        for line in met:
            _on_its_loop(line, line.meet, applied)
        if toxic.connect == "hang":
            _cut(flying, fault)
        try:
            yield
        finally:
            with self._lock:
                self._applied = tuple(one for one in self._applied if one is not applied)
                flying = tuple(self._open)
            for line in flying:
                _on_its_loop(line, line.part, applied)

    def refusing(self) -> bool:
        """Whether a connection that is tried now is refused; where it is, that is a firing."""
        with self._lock:
            faults = self._refusing
        if faults:
            self._fired(faults[-1], "a connection to the provider was refused")
        return bool(faults)

    @contextmanager
    def connected(self, *, clock: Clock, shaped: Callable[[str], None]) -> Iterator[Line]:
        """A call of the running loop; `shaped` is told the fault that did something to it."""
        with self._lock:
            self._calls += 1
            jitter = self._random.uniform(-1.0, 1.0) if self._applied else 0.0
            line = Line(
                f"call {self._calls} over the provider link", clock=clock, jitter=jitter, shaped=shaped
            )
            met = [
                (applied, applied.toxic.drop_nth is not None and applied.drops())
                for applied in self._applied
                if applied.lets_through()
            ]
            self._open[line] = None
        try:
            for applied, dropping in met:
                line.meet(applied, dropping=dropping)
            yield line
        finally:
            with self._lock:
                del self._open[line]
            line.cut.cancel()

    def was_cut(self, fault: str) -> None:
        """Note that an open connection was cut."""
        self._fired(fault, "an open connection to the provider was cut")


def _cut(lines: tuple[Line, ...], fault: str) -> None:
    """Cut the calls that are in flight."""
    for line in lines:
        _on_its_loop(line, line.end, Cut(fault, noted=False))


def _on_its_loop(line: Line, work: Callable[[T], None], about: T) -> None:
    """Do something to a call on the loop that it belongs to; one that was left behind on a closed loop is over."""
    with suppress(RuntimeError):
        line.loop.call_soon_threadsafe(work, about)


def _complaint(toxic: Toxic, link: str) -> str | None:
    """What of a toxic only a wire can do; None where there is nothing."""
    if link != "provider":
        return f"there is no {link} link in one process"
    wants = {
        "bytes_per_s": toxic.bytes_per_s is not None,
        "then='half'": toxic.then == "half",
        "idle_s": toxic.idle_s is not None,
        "close_delay_ms": toxic.close_delay_ms > 0,
    }
    found = [name for name, wanted in wants.items() if wanted]
    return f"{', '.join(found)} takes connections" if found else None
