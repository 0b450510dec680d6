"""What has to be done to its end is, however often its caller is cancelled."""

import asyncio

import pytest

from harness.endings import to_its_end


async def test_work_is_done_before_a_second_cancellation_is_raised() -> None:
    """Cancelled twice while it waits, the caller leaves when the work has been done, and as one that was cancelled."""
    go_on, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    caller = asyncio.create_task(to_its_end(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done.is_set()


async def test_what_goes_wrong_in_the_work_is_raised() -> None:
    """And what goes well is not."""

    async def wrong() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await to_its_end(wrong())
    await to_its_end(asyncio.sleep(0))
