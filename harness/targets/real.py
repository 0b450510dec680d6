"""The clock of the stages that have sockets."""

import asyncio
import time


class RealClock:
    """Real time; sleeping is asyncio's."""

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(seconds)
