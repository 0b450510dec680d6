"""Calls that wait for each other, so that a warm-up fills the pools."""

import asyncio

import pytest

from harness.targets.serving import Gathering


async def settled(*tasks: asyncio.Task[None]) -> list[bool]:
    """Which of them are done when all that can go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_the_first_calls_wait_until_all_are_there_and_later_ones_for_nobody() -> None:
    """Of three the first two wait for the third; a fourth finds nobody waiting, nor does who is not of the warm-up."""
    gathering = Gathering()
    assert await settled(asyncio.ensure_future(gathering.joined())) == [True]
    with gathering.of(3):
        tasks = [asyncio.ensure_future(gathering.joined()) for _ in range(2)]
        assert await settled(*tasks) == [False, False]
        tasks += [asyncio.ensure_future(gathering.joined()) for _ in range(2)]
        assert await settled(*tasks) == [True] * 4
    with gathering.of(2):
        assert await settled(late := asyncio.ensure_future(gathering.joined())) == [False]
    assert await settled(late) == [True]


async def test_who_is_not_joined_goes_on_alone_and_nobody_waits_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the others never come the first call is answered all the same, and so is at once what comes later."""
    monkeypatch.setattr("harness.targets.serving.GATHERING_S_MAX", 0.01)
    gathering = Gathering()
    with gathering.of(3):
        await gathering.joined()
        assert await settled(asyncio.ensure_future(gathering.joined())) == [True]
