"""What a coroutine leaves behind for a property to read: what happened, and when."""

import asyncio
import time


class Trail:
    """Events in the order in which they came, from whichever thread."""

    def __init__(self) -> None:
        self._events: list[tuple[str, float]] = []

    def mark(self, event: str) -> None:
        """Note an event of this moment."""
        self._events.append((event, time.monotonic()))

    def at(self, event: str) -> float | None:
        """When an event came first, None where it has not."""
        return next((moment for name, moment in self._events if name == event), None)

    @property
    def events(self) -> list[str]:
        """The events without their moments."""
        return [name for name, _ in self._events]

    async def sleep(self, seconds: float) -> None:
        """Sleep, and mark `began`, then `woke` or `cancelled`, and `finally`."""
        self.mark("began")
        try:
            await asyncio.sleep(seconds)
            self.mark("woke")
        except asyncio.CancelledError:
            self.mark("cancelled")
            raise
        finally:
            self.mark("finally")
