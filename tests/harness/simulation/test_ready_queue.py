"""What a loop can run next, and in which order that may be taken."""

from itertools import pairwise

import pytest

from harness.simulation.lanes import Lane
from harness.simulation.virtual_loop import ReadyQueue

CALLBACKS = Lane("callbacks")
TASKS = {name: Lane(name) for name in "abc"}


def queue_of(arrivals: str) -> ReadyQueue:
    """A queue of steps of tasks a, b, c and of plain callbacks 1, 2, 3, in the order of arrival."""
    queue = ReadyQueue(CALLBACKS)
    for name in arrivals:
        queue.add(TASKS.get(name), name)
    return queue


@pytest.mark.parametrize("arrivals", ["", "a", "1", "12", "a1b2c3", "12ab3c", "abc123", "123abc"])
def test_the_lanes_are_the_tasks_and_the_first_callback(arrivals: str) -> None:
    """However many callbacks there are, they are one lane, where the first of them stands."""
    lanes = [lane.name for lane in queue_of(arrivals)]
    callbacks = [name for name in arrivals if name.isdigit()]
    expected = [name for name in arrivals if name.isalpha() or name == callbacks[0]]
    assert lanes == ["callbacks" if name.isdigit() else name for name in expected]
    assert len(queue_of(arrivals)) == len(lanes)


def test_taking_the_first_is_the_order_of_arrival() -> None:
    """Index 0 is what asyncio would run."""
    queue = queue_of("a12bc3")
    assert "".join(queue.take(0)[1] for _ in range(6)) == "a12bc3"
    assert len(queue) == 0


@pytest.mark.parametrize("seed", range(40))
def test_callbacks_stay_in_line_however_the_rest_is_taken(seed: int) -> None:
    """Any choice of lanes takes each handle once, by its own lane, and callbacks in the order of arrival."""
    queue = queue_of("1a23b4c")
    taken = ""
    while len(queue):
        index = seed % len(queue)
        seed //= 2
        expected = list(queue)[index]
        lane, handle = queue.take(index)
        assert lane is expected
        taken += handle
    assert sorted(taken) == sorted("1a23b4c")
    assert all(one < other for one, other in pairwise(name for name in taken if name.isdigit()))
