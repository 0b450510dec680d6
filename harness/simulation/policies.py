"""Policies: who goes next. 0 is always the ordinary run: stay on this thread, run what asyncio would run."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from harness.simulation.lanes import Hold, Lane, Lanes

PCT_PATIENCE = 200
"""After so many steps in a row of one lane, while others wait, PCT ranks it last: it may be waiting for one of them."""

PCT_DEPTHS = (2, 3, 5, 9, 17)
"""A deep run changes its mind often enough to hit a short window in a long run; a shallow one leaves what it holds back
there for long."""


class Policy(Protocol):
    """Chooses among lanes; it is made anew for each run, from the run's schedule stream."""

    def begin(self, stream: random.Random) -> None:
        """A run begins; `stream` is the only source of chance that the policy may use."""

    def choose(self, lanes: Lanes) -> int:
        """The index of the lane that goes next; what is out of range counts as 0. There are at least two."""


class Fifo:
    """The ordinary run: never deviates."""

    def begin(self, stream: random.Random) -> None:  # a policy's method
        """Nothing is drawn."""

    def choose(self, lanes: Lanes) -> int:  # noqa: ARG002  # the same
        """The first."""
        return 0


class Uniform:
    """Random: each lane is as likely as any other."""

    def begin(self, stream: random.Random) -> None:
        """Draw from this stream."""
        self._draw = stream.random

    def choose(self, lanes: Lanes) -> int:
        """Any."""
        return int(self._draw() * len(lanes))


class Pct:
    """Probabilistic concurrency testing: lanes have random priorities, and the highest always goes next.

    At `depth - 1` choices, drawn from the first `choices`, the lane that would go is ranked last instead. A bug that
    needs `depth` orderings is found with a probability of at least 1 / (lanes * choices ** (depth - 1)).
    (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010.)

    Nobody knows beforehand how many choices a run will have, so without `choices` each run draws that too, every
    magnitude from 8 to 2048 being as likely: short runs and long ones get change points where they can have them.
    Nor does anybody know how deep the bug is, so without `depth` each run draws one of `PCT_DEPTHS`.
    """

    def __init__(self, *, depth: int | None = None, choices: int | None = None) -> None:
        self._depth = depth
        self._choices = choices

    def begin(self, stream: random.Random) -> None:
        """Draw the change points; priorities are drawn as lanes appear."""
        self._draw = stream.random
        choices = self._choices or int(2 ** stream.uniform(3, 11))
        depth = self._depth or stream.choice(PCT_DEPTHS)
        self._changes = {stream.randrange(choices) for _ in range(depth - 1)}
        self._count = -1
        self._floor = 0.0
        self._last: Lane | None = None
        self._in_a_row = 0

    def choose(self, lanes: Lanes) -> int:
        """The one of the highest priority."""
        self._count += 1
        index, lane = self._highest(lanes)
        self._in_a_row = self._in_a_row + 1 if lane is self._last else 0
        if self._count in self._changes or self._in_a_row > PCT_PATIENCE:
            self._floor -= 1.0
            lane.priority = self._floor
            self._in_a_row = 0
            index, lane = self._highest(lanes)
        self._last = lane
        return index

    def _highest(self, lanes: Lanes) -> tuple[int, Lane]:
        best, found = -1, None
        highest = float("-inf")
        for index, lane in enumerate(lanes):
            if lane.priority is None:
                lane.priority = self._draw()
            if lane.priority > highest:
                best, found, highest = index, lane, lane.priority
        assert found is not None
        return best, found


class Gate:
    """Another policy while it `is_open`, and the ordinary run while it is not: chance is spent where it may matter."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._any = Uniform()
        self._reordering = 0
        self._deviations = 0
        self.is_open = False

    def begin(self, stream: random.Random) -> None:
        """Let the other one begin."""
        self._policy.begin(stream)
        self._any.begin(stream)

    def choose(self, lanes: Lanes) -> int:
        """What the other one says, or the first."""
        if not self.is_open:
            return 0
        if not self._reordering:
            return self._policy.choose(lanes)
        chosen = self._any.choose(lanes)
        self._deviations += chosen > 0
        return chosen

    @contextmanager
    def reordered(self, fired: Callable[[str], None]) -> Iterator[None]:
        """Within the block the ordinary run is any run; `fired` is told where that made a difference.

        Where another policy rules, or a schedule is replayed, that is done already.
        """
        if not isinstance(self._policy, Fifo):
            fired("the schedule is none of the ordinary run")
            yield
            return
        before = self._deviations
        self._reordering += 1
        try:
            yield
        finally:
            self._reordering -= 1
            if self._deviations > before:
                fired(f"the schedule deviated {self._deviations - before} times")


class Replay:
    """The schedule of an earlier run, from its holds; with fewer of them, a schedule that deviates less."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        self._holds = tuple(holds)

    def begin(self, stream: random.Random) -> None:  # noqa: ARG002  # a policy's method
        """Take up all holds."""
        self._left = {(hold.lane, hold.step): hold.times for hold in self._holds}

    def choose(self, lanes: Lanes) -> int:
        """The first that is not held."""
        left = self._left
        for index, lane in enumerate(lanes):
            key = lane.name, lane.steps
            times = left.get(key, 0)
            if not times:
                return index
            left[key] = times - 1
        return 0
