"""The schedule of a run: every choice is made, counted and recorded here."""

import random
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice

from harness.simulation.lanes import Hold, Lane, Lanes
from harness.simulation.policies import Fifo, Policy

RANGE_SHIFT = 32
"""A choice is noted as one number: its range, so many bits to the left, and the index."""

_BLOCK = 8192


class Schedule:
    """Asks the policy, keeps what it deviated by, and hashes each choice together with its range."""

    def __init__(self, policy: Policy, stream: random.Random) -> None:
        policy.begin(stream)
        self.plain = type(policy) is Fifo
        """Whether the first always goes. Nobody need be asked then: the range, shifted, is the note."""
        self._choose = policy.choose
        self._hash = blake2b(digest_size=16)
        self._log = array("q")
        self.note = self._log.append
        self._holds: list[Hold] = []
        self._held: set[Lane] = set()

    def choose(self, lanes: Lanes) -> int:
        """The index of the lane that goes next, of at least two."""
        among = len(lanes)
        index = self._choose(lanes)
        if index:
            index = self._deviate(lanes, index) if 0 < index < among else 0
        self.note(among << RANGE_SHIFT | index)
        return index

    def pick(self, lanes: Lanes) -> int:
        """As `choose`, for any number but none; with one there is no choice, and nothing is recorded."""
        return self.choose(lanes) if len(lanes) > 1 else 0

    def flush(self) -> None:
        """Hash what was noted, where it is much; to be called now and then."""
        if len(self._log) >= _BLOCK:
            self._flush()

    def kept(self, lane: Lane) -> None:
        """The lane goes, and was held before: keep that."""
        self._holds.append(Hold(lane.name, lane.steps, lane.held))
        self._held.discard(lane)
        lane.held = 0

    @property
    def holds(self) -> tuple[Hold, ...]:
        """All deviations, those of lanes that never went again too, in the order in which they were over."""
        waiting: Iterable[Lane] = sorted(self._held, key=lambda lane: lane.name)
        return (*self._holds, *(Hold(lane.name, lane.steps, lane.held) for lane in waiting))

    def digest(self) -> str:
        """The schedule hash so far, in hexadecimal."""
        self._flush()
        return self._hash.hexdigest()

    def _deviate(self, lanes: Lanes, index: int) -> int:
        for lane in islice(lanes, index):
            if not lane.held:
                self._held.add(lane)
            lane.held += 1
        return index

    def _flush(self) -> None:
        self._hash.update(self._log)
        del self._log[:]
