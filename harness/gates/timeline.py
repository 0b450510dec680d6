"""When things happened in a log, in a bounded number of counters: enough to hold one half of it to the other."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

from harness.logs.clock import seconds

SLOTS_MAX = 1024
_DAY_S = 86_400.0


@dataclass(slots=True, kw_only=True)
class Clock:
    """Timestamps as seconds of one line of time.

    A time without a day that jumps back by half a day is of the next one. After that, one that jumps ahead by half a
    day is a late line of the day before; the clock stays where it was, for the lines around midnight come in any order.
    """

    days: int = 0
    last_s: float = 0.0

    def read(self, timestamp: str | None) -> float | None:
        """Seconds since a common beginning; None where the timestamp is none."""
        at_s = seconds(timestamp) if timestamp else None
        if at_s is None or not 0 <= at_s < _DAY_S:
            return at_s
        ahead_s = self.days * _DAY_S + at_s - self.last_s
        if ahead_s < -_DAY_S / 2:
            self.days += 1
        elif self.days and ahead_s > _DAY_S / 2:
            return (self.days - 1) * _DAY_S + at_s
        self.last_s = self.days * _DAY_S + at_s
        return self.last_s


@dataclass(slots=True, kw_only=True)
class Timeline:
    """How often each kind of thing happened in equally long slots of time; slots grow where there would be too many."""

    slot_s: float = 0.01
    first_s: float | None = None
    slots: dict[int, Counter[str]] = field(default_factory=dict)

    def add(self, kind: str, at_s: float) -> None:
        """Count one; times may come in any order, as the lines of several processes do."""
        if self.first_s is None:
            self.first_s = at_s
        slot = int((at_s - self.first_s) // self.slot_s)
        self.slots.setdefault(slot, Counter())[kind] += 1
        while len(self.slots) > SLOTS_MAX:
            self._widen()

    def _widen(self) -> None:
        """Make slots twice as long."""
        wider: dict[int, Counter[str]] = {}
        for slot, counted in self.slots.items():
            wider.setdefault(slot // 2, Counter()).update(counted)
        self.slots, self.slot_s = wider, 2 * self.slot_s

    def halves(self, kind: str) -> tuple["Half", "Half"] | None:
        """What happened before and after the time by which half of a kind had; None where that is all in one slot.

        The middle is not that of the time, so that one stray timestamp does not leave all of the log in one half.
        """
        order = sorted(self.slots)
        counted = [self.slots[slot][kind] for slot in order]
        middle = bisect_left(list(accumulate(counted)), sum(counted) / 2) + 1
        if middle >= len(order):
            return None
        return self._half(order[:middle]), self._half(order[middle:])

    def _half(self, order: list[int]) -> "Half":
        """What happened in the slots."""
        whole: Counter[str] = Counter()
        for slot in order:
            whole.update(self.slots[slot])
        return Half(counted=whole, elapsed_s=(order[-1] + 1 - order[0]) * self.slot_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half of a log in time."""

    counted: Counter[str]
    elapsed_s: float

    def per_minute(self, kind: str) -> float:
        """How often a minute."""
        return self.counted[kind] * 60 / self.elapsed_s
