"""The seconds of a load run, to be drawn again in stretches: the circular block bootstrap (see `harness.gates.baseline`)."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from harness.gates.cells import Cell
from harness.gates.durations import middle_us

UNITS_MAX = 240
"""More seconds than that are taken together first: a long run costs no more than a short one."""
STRETCH = 1.5
"""A stretch has so many times the cube root of all seconds: of 60 it has 6, so that what lasts a few seconds is drawn whole."""
QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """The seconds of a run, as stretches that can be drawn again.

    `requests` has those of each stretch, `failed` how many of them failed, and `reached` for each bucket how many of each stretch were in it or below: a
    quantile of any draw is a search for the first bucket in which the sums of a few of these numbers are enough.
    """

    seconds: int
    picks: int
    middles_us: Sequence[float]
    requests: Sequence[int]
    failed: Sequence[int]
    reached: Sequence[Sequence[int]]
    total: int

    @classmethod
    def of(cls, blocks: Sequence[Cell]) -> "Resampled":
        """Stretches that begin at each second, and go around the end."""
        size = max(1, math.ceil(len(blocks) / UNITS_MAX))
        units = [blocks[start : start + size] for start in range(0, len(blocks), size)]
        length = max(1, round(STRETCH * len(units) ** (1 / 3)))
        stretches = [
            [cell for step in range(length) for cell in units[(start + step) % len(units)]]
            for start in range(len(units))
        ]
        counts = [_added(stretch) for stretch in stretches]
        buckets = sorted({bucket for count in counts for bucket in count})
        rows = [accumulate(map(count.__getitem__, buckets)) for count in counts]
        return cls(
            seconds=len(blocks),
            picks=math.ceil(len(units) / length),
            middles_us=[middle_us(bucket) for bucket in buckets],
            requests=[sum(cell.requests for cell in stretch) for stretch in stretches],
            failed=[sum(cell.failed for cell in stretch) for stretch in stretches],
            reached=list(zip(*rows, strict=True)),
            total=sum(cell.requests for cell in blocks),
        )

    def drawn(self, random: Random) -> list[float]:
        """The quantiles of as many seconds as there are, drawn again."""
        return self.quantiles_us(random.choices(range(len(self.requests)), k=self.picks))

    def drawn_errors(self, random: Random) -> float:
        """The share of errors in as many seconds as there are, drawn again."""
        picks = random.choices(range(len(self.requests)), k=self.picks)
        total = sum(map(self.requests.__getitem__, picks))
        return sum(map(self.failed.__getitem__, picks)) / total if total else 0.0

    def observed(self) -> list[float]:
        """The quantiles of what was seen: each second is in as many stretches as every other."""
        return self.quantiles_us(range(len(self.requests)))

    def quantiles_us(self, picks: Sequence[int]) -> list[float]:
        """The quantiles of these stretches; a request that failed took endlessly long."""
        total, place, found = sum(map(self.requests.__getitem__, picks)), 0, list[float]()
        for share in QUANTILES:
            rank = max(1, math.ceil(share * total))
            place = bisect_left(
                self.reached, rank, lo=place, key=lambda counts: sum(map(counts.__getitem__, picks))
            )
            found.append(self.middles_us[place] if place < len(self.middles_us) else math.inf)
        return found


def _added(stretch: Sequence[Cell]) -> Counter[int]:
    """How many requests of a stretch of seconds are in each bucket."""
    whole = Counter[int]()
    for cell in stretch:
        whole.update(cell.latency.buckets)
    return whole
