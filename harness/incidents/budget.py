"""The end of a search's time: what is still at work then is broken off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def broken_off(at_s: float | None) -> AsyncIterator[None]:
    """Leave the block at so many monotonic seconds, whatever is still at work in it; never, where that is None.

    The work is cancelled once, so that it can take down what it had put up.
    """
    limit = asyncio.timeout_at(at_s)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():  # one of the work's own
            raise
