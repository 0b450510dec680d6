"""Playing many things, a few at a time, and again those of which the machine was too slow to tell."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from harness.errors import first_of

Item = TypeVar("Item")
Place = TypeVar("Place")
Done = TypeVar("Done")

PLAYS_MAX = 3
"""How often one thing is played, where nothing can be said of it."""


async def spread(
    places: Sequence[Place],
    items: Sequence[Item],
    play: Callable[[Place, Item], Awaitable[Done]],
    *,
    say: Callable[[int, Item], None] = lambda _number, _item: None,
    again: Callable[[Done], bool] = lambda _: False,
    over: Callable[[], bool] = lambda: False,
) -> list[Done]:
    """Play the items, each in a place that is free; what came of those that were played, in the order of the items.

    `say` is told the number, from 1, and the item that is begun. Where `again` says so of what came of an item, it is
    played once more when all are through and nothing else is played beside it, `PLAYS_MAX` times at most. Once `over`
    says so, nothing is begun any more. What raises ends the whole.
    """
    waiting = deque(range(len(items)))
    done: dict[int, Done] = {}

    async def one(place: Place, number: int) -> None:
        say(number + 1, items[number])
        done[number] = await play(place, items[number])

    async def work(place: Place) -> None:
        while waiting and not over():
            await one(place, waiting.popleft())

    try:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(work(place))
    except BaseExceptionGroup as raised:  # what ended it is the first of ours in there
        if (error := first_of(raised)) is None:
            raise
        raise error from raised
    for number in sorted(done):
        for _ in range(PLAYS_MAX - 1):
            if over() or not again(done[number]):
                break
            await one(places[0], number)
    return [done[number] for number in sorted(done)]
