"""What a verdict needs: how many requests, and seconds at a rate, before anything is sent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.gates.criterion import Criterion, Figure
from harness.gates.metrics import PERCENTILES, STREAMED
from harness.gates.sequential import RateTest, watched_test
from harness.gates.statistics import requests_needed
from harness.gates.verdicts import WATCHED_ALPHA
from harness.load.phases import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The requests of its scope (of its `phase`) that one gate needs; its `min_n` where it counts, and estimates nothing.

    `once` are those that pass it where it is looked at once and none is wrong; `watched` the same where it is looked at
    all the time, and `watched_mean` so many on average where half of what is allowed is wrong.
    """

    gate: str
    phase: str
    once: int
    watched: int
    watched_mean: int


def need(criterion: Criterion) -> Need:
    """What one gate needs."""
    share = _share(criterion)
    if share is None:
        least = criterion.min_n
        return Need(
            gate=str(criterion), phase=criterion.scope.phase, once=least, watched=least, watched_mean=least
        )
    alpha = min(criterion.alpha, WATCHED_ALPHA)
    test = watched_test(share, alpha)
    return Need(
        gate=str(criterion),
        phase=criterion.scope.phase,
        once=max(criterion.min_n, requests_needed(share, criterion.alpha)),
        watched=max(criterion.min_n, test.missing(0, 0)),
        watched_mean=max(criterion.min_n, _mean(test)),
    )


def estimates(criterion: Criterion) -> bool:
    """Whether there is ever enough evidence for a gate: of what only counts, more may always come."""
    return _share(criterion) is not None


def seconds(requests: int, phases: Sequence[Phase], name: str = "") -> float:
    """After how many seconds so many requests of a phase are due, or of all, on average; endless where there are fewer."""
    now_s = 0.0
    for phase in phases:
        if name in ("", phase.name):
            if requests <= phase.due:
                return now_s + phase.at(requests)
            requests -= math.floor(phase.due)
        now_s += phase.for_s
    return math.inf


def _share(criterion: Criterion) -> float | None:
    """The share of wrong requests that a gate is about; None where it is about none."""
    name = criterion.metric.removeprefix(STREAMED)
    if name in PERCENTILES:
        return 1 - PERCENTILES[name]
    if criterion.figure is Figure.SHARE and criterion.op != "==":
        share = criterion.limit if criterion.op in ("<", "<=") else 1 - criterion.limit
        return share if 0 < share < 1 else None
    return None


def _mean(test: RateTest) -> int:
    """The mean length of the test at its better rate: Wald's formula, without what a last request adds."""
    p = test.better
    step = test.score(1, 1) * p + test.score(0, 1) * (1 - p)
    return math.ceil(((1 - test.alpha) * test.passes_at + test.alpha * test.fails_at) / step)
