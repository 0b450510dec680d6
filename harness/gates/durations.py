"""Durations in a bounded number of counters that add up: what many generators measured is what one would have.

The buckets are linear within each power of two, as those of HdrHistogram (G. Tene), 128 of them: a bucket's middle is
within 0.4 % of whatever is counted in it. What a gate asks is counted exactly, at its limit, not read off a bucket.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

BITS = 8
"""A power of two has half of 2 ** BITS buckets: 128, each 1/128 to 1/256 of its value wide."""


def bucket_of(value_us: int) -> int:
    """The bucket of a number of microseconds: its first `BITS` bits, and how many come behind them."""
    shift = max(0, value_us.bit_length() - BITS)
    return (shift << BITS) + (value_us >> shift)


def middle_us(bucket: int) -> float:
    """What stands for all that is counted in a bucket."""
    shift = bucket >> BITS
    return ((bucket & ((1 << BITS) - 1)) + 0.5) * (1 << shift) - 0.5


@dataclass(slots=True, kw_only=True)
class Durations:
    """Microseconds, counted by bucket; `reached` says of each limit how many took as long or longer."""

    buckets: Counter[int] = field(default_factory=Counter)
    reached: Counter[int] = field(default_factory=Counter)
    count: int = 0
    sum_us: int = 0
    most_us: int = 0

    def add(self, values_us: Iterable[int], limits_us: Sequence[int] = ()) -> None:
        """Count a batch; sorted once, so that a limit is one search and a power of two one stretch."""
        ordered = sorted(values_us)
        if not ordered:
            return
        self.count += len(ordered)
        self.sum_us += sum(ordered)
        self.most_us = max(self.most_us, ordered[-1])
        for limit_us in limits_us:
            self.reached[limit_us] += len(ordered) - bisect_left(ordered, limit_us)
        start = 0
        while start < len(ordered):
            shift = max(0, ordered[start].bit_length() - BITS)
            end = bisect_left(ordered, 1 << (shift + BITS), start)
            base = shift << BITS
            self.buckets.update([base + (value >> shift) for value in ordered[start:end]])
            start = end

    def merge(self, other: "Durations") -> None:
        """Count all of another, too; limits that one of them did not have are unknown to both."""
        shared = self.reached.keys() & other.reached.keys() if self.count and other.count else None
        self.reached.update(other.reached)
        if shared is not None:
            self.reached = Counter({limit: self.reached[limit] for limit in shared})
        self.buckets.update(other.buckets)
        self.count += other.count
        self.sum_us += other.sum_us
        self.most_us = max(self.most_us, other.most_us)

    def quantile_us(self, share: float) -> float | None:
        """The `share` quantile, to the middle of its bucket, and never above the most; None without values."""
        return self.at_rank_us(max(1, math.ceil(share * self.count))) if self.count else None

    def at_rank_us(self, rank: int) -> float:
        """The value at a place from 1 to `count`, in ascending order.

        Raises:
            ValueError: there is no such place.
        """
        if not 1 <= rank <= self.count:
            raise ValueError(f"rank {rank} of {self.count}: there is no such value")
        passed = 0
        for bucket in sorted(self.buckets):
            passed += self.buckets[bucket]
            if passed >= rank:
                return min(middle_us(bucket), float(self.most_us))
        raise AssertionError("the buckets hold all that was counted")

    def packed(self) -> list[Any]:
        """All of it in numbers and lists, in one order: equal counts are equal text."""
        counted = [number for pair in sorted(self.buckets.items()) for number in pair]
        reached = [number for pair in sorted(self.reached.items()) for number in pair]
        return [self.count, self.sum_us, self.most_us, counted, reached]

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> "Durations":
        """What `packed` packed."""
        count, sum_us, most_us, counted, reached = packed
        return cls(
            buckets=Counter(dict(zip(counted[::2], counted[1::2], strict=True))),
            reached=Counter(dict(zip(reached[::2], reached[1::2], strict=True))),
            count=count,
            sum_us=sum_us,
            most_us=most_us,
        )
