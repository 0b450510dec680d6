"""Measured values in a bounded number of counters: all of a log, and of its stretches, in flat memory."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

WIDTH = 0.01
"""A bucket's upper edge is 1 % above its lower one: so exact is a quantile."""

_STEP = math.log1p(WIDTH)
_LEAST_S = 1e-6
_MOST_S = 1e6

STRETCHES_MAX = 256
"""So many stretches of a log are told apart at most; two neighbours become one where there would be more."""


@dataclass(slots=True, kw_only=True)
class Histogram:
    """Durations in seconds, counted in buckets of equal relative width; what is shorter than a microsecond counts as one."""

    buckets: Counter[int] = field(default_factory=Counter)
    count: int = 0

    def add(self, value_s: float) -> None:
        """Count one value."""
        self.buckets[math.ceil(math.log(min(max(value_s, _LEAST_S), _MOST_S)) / _STEP)] += 1
        self.count += 1

    def merge(self, other: "Histogram") -> None:
        """Count all values of another histogram, too."""
        self.buckets.update(other.buckets)
        self.count += other.count

    def at_rank(self, rank: int) -> float:
        """The value at a place from 1 to `count` in ascending order, rounded up to the edge of its bucket.

        Raises:
            ValueError: there is no such place.
        """
        if not 1 <= rank <= self.count:
            raise ValueError(f"rank {rank} of {self.count}: there is no such value")
        passed = 0
        for bucket in sorted(self.buckets):
            passed += self.buckets[bucket]
            if passed >= rank:
                return math.exp(bucket * _STEP)
        raise AssertionError("the buckets hold all that was counted")

    def quantile(self, share: float) -> float | None:
        """The `share` quantile; None without values."""
        return self.at_rank(max(1, math.ceil(share * self.count))) if self.count else None


@dataclass(slots=True, kw_only=True)
class Stretches:
    """Values in the order in which they came, as histograms of equally many: neighbours in a log are no independent draws."""

    size: int = 50
    full: list[Histogram] = field(default_factory=list)
    last: Histogram = field(default_factory=Histogram)

    def add(self, value_s: float) -> None:
        """Count one value in the last stretch, and begin another where it is full."""
        self.last.add(value_s)
        if self.last.count < self.size:
            return
        self.full.append(self.last)
        self.last = Histogram()
        if len(self.full) == STRETCHES_MAX:
            self._halve()

    def _halve(self) -> None:
        """Make two neighbours one."""
        for first, second in zip(self.full[::2], self.full[1::2], strict=True):
            first.merge(second)
        self.full, self.size = self.full[::2], 2 * self.size

    def of_size(self, size: int) -> tuple[Histogram, ...]:
        """The full stretches, each of `size` values: a multiple, by a power of two, of the size that they have."""
        times = size // self.size
        whole = len(self.full) // times * times
        return tuple(merged(self.full[start : start + times]) for start in range(0, whole, times))

    @property
    def all(self) -> Histogram:
        """All values, those of the stretch that is not full included."""
        return merged((*self.full, self.last))


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of many."""
    whole = Histogram()
    for one in histograms:
        whole.merge(one)
    return whole
