"""How many requests are served at once, and whether any are taken at all."""

import asyncio

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
