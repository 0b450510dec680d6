"""What has to come to its end, however often whoever waits for it is cancelled."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do all of it; a cancellation meanwhile, be it the second one, is raised when it is done.

    A shield alone is not enough: who is cancelled once more in it leaves, and the loop that is closed then ends the work.
    """
    doing = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.shield(doing)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    doing.result()


async def first_ended(*works: Awaitable[Any]) -> None:
    """Begin all of it and wait for whichever ends first; the rest is cancelled, and gone."""
    futures = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await gone(*futures)


async def gone(*futures: asyncio.Future[Any]) -> None:
    """Cancel what has not ended, and see it gone, so that what it records is there before the caller goes on.

    All are cancelled before any is waited for: who is cancelled in here leaves none behind that would go on.
    """
    for future in futures:
        future.cancel()
    await asyncio.wait(futures)
