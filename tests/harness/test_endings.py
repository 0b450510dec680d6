"""What has to come to its end does, however often its caller is cancelled."""

import asyncio

import pytest

from harness.endings import first_ended, to_its_end


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


async def test_who_waits_for_the_first_leaves_none_behind() -> None:
    """When one has ended the others are gone, and so they are where the waiting is cancelled in its own cleanup."""
    ended: list[str] = []

    async def noted(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    await first_ended(asyncio.sleep(0), noted("a"))
    assert ended == ["a"]
    waiting = asyncio.create_task(first_ended(noted("b"), noted("c")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    waiting.cancel()  # it waits for both to be gone by now
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert ended == ["a", "b", "c"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
