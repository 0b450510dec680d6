"""What has to be done to its end, however often whoever waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
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
