"""How many requests are served at once, and whether any are taken at all."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from reference_app.observability import Metrics


class Admission:
    """Counts the requests that are served; a full or draining service takes no more."""

    def __init__(self, in_flight_max: int, metrics: Metrics) -> None:
        self._in_flight_max = in_flight_max
        self._gauge = metrics.in_flight
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    def enter(self) -> bool:
        """Take a request, if there is room for it; each one that is taken leaves."""
        if self.draining or self._in_flight >= self._in_flight_max:
            return False
        self._in_flight += 1
        self._gauge.set(self._in_flight)
        self._idle.clear()
        return True

    def leave(self) -> None:
        """A request that was taken has ended."""
        self._in_flight -= 1
        self._gauge.set(self._in_flight)
        if self._in_flight == 0:
            self._idle.set()

    async def drain(self, *, timeout_s: float) -> None:
        """Take no more, and wait for those that are served, at most `timeout_s`."""
        self.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            # What is still served then is cut off by the store's end, and answered 503.
            return


@contextmanager
def draining_from_signal(admission: Admission) -> Iterator[None]:
    """Within the block SIGTERM and SIGINT end the admission at once, and then do what they did before.

    A server tells the app of its end last of all: without this, `/ready` would say yes as long as anybody can ask.
    Where no handler of Python's own was there before, the signal is left alone: it ends the process, or nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def drain(number: int, frame: FrameType | None) -> None:
        admission.draining = True
        before[number](number, frame)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, drain)
    try:
        yield
    finally:
        for number, handler in before.items():
            # Whoever came after this one sees to its own handler.
            if signal.getsignal(number) is drain:
                signal.signal(number, handler)
