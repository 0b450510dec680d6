"""The schedule and its policies, without any loop or thread."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from harness.simulation import Fifo, Gate, Hold, Pct, Policy, Replay, Uniform
from harness.simulation.lanes import NAME_CHARACTERS_MAX, Lane, Lanes
from harness.simulation.policies import PCT_PATIENCE
from harness.simulation.schedule import Schedule


def walk(policy: Policy, *, lanes: int = 3, steps: int = 4, seed: int = 1) -> tuple[str, Schedule]:
    """Let lanes a, b, c make so many steps each, and give the order with the schedule."""
    schedule = Schedule(policy, random.Random(seed))
    ready = [Lane(name) for name in "abcdefgh"[:lanes]]
    order = ""
    while ready:
        lane = ready.pop(schedule.pick(ready))
        if lane.held:
            schedule.kept(lane)
        lane.steps += 1
        order += lane.name
        if lane.steps < steps:
            ready.append(lane)
    return order, schedule


def test_fifo_is_the_ordinary_order() -> None:
    """Nothing deviates."""
    order, schedule = walk(Fifo())
    assert order == "abc" * 4
    assert schedule.holds == ()


def test_uniform_gives_every_lane_the_same_chance() -> None:
    """Of the first steps of many runs each lane has about a third."""
    first = Counter(walk(Uniform(), seed=seed)[0][0] for seed in range(300))
    assert all(70 <= first[name] <= 130 for name in "abc")


def test_pct_lets_the_highest_go_and_changes_it_at_few_points() -> None:
    """Without a change point a lane goes on to its end; with two there are at most two more turns."""
    turns = [
        sum(one != other for one, other in pairwise(walk(Pct(depth=1), seed=seed)[0])) for seed in range(50)
    ]
    assert set(turns) == {2}
    deeper = [walk(Pct(depth=3, choices=8), seed=seed)[0] for seed in range(50)]
    assert {sum(one != other for one, other in pairwise(order)) for order in deeper} == {2, 3, 4}


def test_pct_ranks_a_lane_last_that_goes_on_and_on() -> None:
    """A lane of the highest priority that waits for another in a spin does not keep that one away for ever."""
    order, _ = walk(Pct(depth=1), lanes=2, steps=PCT_PATIENCE * 3)
    assert order[0] * (PCT_PATIENCE + 5) not in order[: PCT_PATIENCE * 2]


@pytest.mark.parametrize("policy", [Uniform(), Pct()])
@pytest.mark.parametrize("seed", range(20))
def test_holds_are_the_whole_schedule(policy: Policy, seed: int) -> None:
    """Replaying the deviations gives the same order, the same hash and the same deviations."""
    order, schedule = walk(policy, lanes=6, steps=7, seed=seed)
    again, replayed = walk(Replay(schedule.holds), lanes=6, steps=7)
    assert (again, replayed.holds, replayed.digest()) == (order, schedule.holds, schedule.digest())


def test_a_hold_names_a_lane_and_its_step() -> None:
    """Lane a is held twice at its second step: two others go first, and no other step of a moves."""
    order, schedule = walk(Replay([Hold("a", 1, 2)]))
    assert order.startswith("abcbca")
    assert schedule.holds == (Hold("a", 1, 2),)


def test_what_everybody_is_held_at_is_no_dead_end() -> None:
    """Where all lanes are held, the first goes."""
    order, _ = walk(Replay([Hold(name, 0, 1) for name in "abc"]))
    assert order == "abc" * 4


class Always:
    """Chooses one index, whatever there is to choose from."""

    def __init__(self, index: int) -> None:
        self._index = index

    def begin(self, stream: random.Random) -> None:
        """Nothing is drawn."""

    def choose(self, lanes: Lanes) -> int:
        """The index."""
        return self._index


def test_what_is_out_of_range_is_the_first() -> None:
    """A policy that chooses what is not there gives the ordinary run."""
    assert walk(Always(7))[0] == walk(Always(-1))[0] == walk(Fifo())[0] == "abc" * 4


def test_a_gate_that_is_closed_gives_the_ordinary_run() -> None:
    """The policy behind it is asked only while it is open."""
    gate = Gate(Always(1))
    assert walk(gate)[0] == walk(Fifo())[0]
    gate.is_open = True
    assert walk(gate)[0] == walk(Always(1))[0] != walk(Fifo())[0]


def test_the_hash_covers_each_choice_and_its_range() -> None:
    """The same choices among more lanes, and other choices among the same, are other schedules."""
    digests = set()
    for policy in (Fifo(), Always(1)):
        for among in ("ab", "abc"):
            schedule = Schedule(policy, random.Random(1))
            schedule.choose([Lane(name) for name in among])
            digests.add(schedule.digest())
    assert len(digests) == 4


def test_long_schedules_are_hashed_in_blocks() -> None:
    """Reading a hash in between changes nothing in the end."""
    _, whole = walk(Uniform(), steps=3000)
    _, same = walk(Uniform(), steps=3000)
    same.digest()
    assert whole.digest() == same.digest()


def test_a_lane_is_named_by_who_spawned_it() -> None:
    """Names count per spawner, and a path that grows without end does not."""
    lane = Lane("main")
    assert [lane.child("task"), lane.child("thread")] == ["main/task1", "main/thread2"]
    for _ in range(100):
        lane = Lane(lane.child("task"))
        assert len(lane.name) <= NAME_CHARACTERS_MAX
