"""Playing many things: all of them, in as many places as there are, in the order of the things."""

import asyncio

import pytest

from harness.spread import PLAYS_MAX, spread


async def test_what_came_of_the_items_is_in_their_order():
    """The second item is done before the first, and stands after it all the same; both places are used at once."""
    first_may_end = asyncio.Event()

    async def play(place, item):
        if item == "slow":
            await first_may_end.wait()
        else:
            first_may_end.set()
        return place, item

    done = await spread(["left", "right"], ["slow", "quick"], play)
    assert done == [("left", "slow"), ("right", "quick")]


async def test_what_says_nothing_is_played_again_alone_and_not_for_ever():
    """An item that stays unclear is played so many times and no more, when nothing else is played any more."""
    playing, beside = 0, []
    times = {"clear": 0, "unclear": 0}

    async def play(_place, item):
        nonlocal playing
        playing += 1
        times[item] += 1
        await asyncio.sleep(0)
        beside.append((item, times[item], playing))
        playing -= 1
        return item

    done = await spread([1, 2], ["unclear", "clear"], play, again=lambda item: item == "unclear")
    assert done == ["unclear", "clear"]
    assert times == {"clear": 1, "unclear": PLAYS_MAX}
    assert all(at_once == 1 for item, number, at_once in beside if number > 1)


async def test_nothing_is_begun_when_it_is_over():
    """After the item that ends it, the others are left, and what came of those that were played is there."""
    over = False

    async def play(_place, item):
        nonlocal over
        over = item == 2
        return item

    said = []
    done = await spread(
        [0], [1, 2, 3], play, over=lambda: over, say=lambda number, item: said.append((number, item))
    )
    assert done == [1, 2]
    assert said == [(1, 1), (2, 2)]


async def test_what_raises_ends_the_whole():
    """An item that cannot be played is no result: it comes out, and the others are ended."""

    async def play(_place, item):
        if item == "bad":
            raise ValueError(item)
        await asyncio.Event().wait()

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="bad")):
        await spread([0, 1], ["waits", "bad"], play)
