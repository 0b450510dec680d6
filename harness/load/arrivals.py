"""The open model: when each request is due, whatever became of those before it. The same seed gives the same times.

Users who wait for their answers send nothing while a service stalls, and so never see the stall (G. Tene, "How NOT to
measure latency", 2013; B. Schroeder et al., "Open versus closed: a cautionary tale", NSDI 2006). Here a request is due by
the clock alone, and its latency counts from then.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.load.phases import Phase

ARRIVALS = ("poisson", "constant")
"""Drawn from a seed, as from many users who know nothing of one another; or evenly, which may keep step with a stall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request: `number` counts from 0 over all generators, `due_s` from the beginning of the run."""

    number: int
    due_s: float
    phase: str


def arrivals(
    phases: Sequence[Phase],
    seed: int,
    *,
    kind: str = ARRIVALS[0],
    worker: int = 0,
    workers: int = 1,
    most: int | None = None,
) -> Iterator[Arrival]:
    """The requests of one of so many generators, in order; together they are those that one alone would send.

    There are `most` in all, where that is given.

    The whole run is drawn in each of them, and each takes every `workers`-th request: so what is sent, and when, does
    not depend on how many share the work. A Poisson process of a rate that changes is one of rate 1 in what is due
    (E. Cinlar, "Introduction to stochastic processes", 1975, chapter 4).

    Raises:
        UsageError: there is no such kind of arrivals.
    """
    if kind not in ARRIVALS:
        raise UsageError(f"arrivals={kind}: must be one of {', '.join(ARRIVALS)}")
    draw = random.Random(f"arrivals-{seed}")
    number, due, began_s, before = 0, 0.0, 0.0, 0.0
    gap = draw.expovariate(1.0) if kind == "poisson" else 0.0
    for phase in phases:
        while due + gap < before + phase.due and (most is None or number < most):
            due += gap
            if number % workers == worker:
                yield Arrival(number=number, due_s=began_s + phase.at(due - before), phase=phase.name)
            number += 1
            gap = draw.expovariate(1.0) if kind == "poisson" else 1.0
        began_s += phase.for_s
        before += phase.due


def last_due_s(
    phases: Sequence[Phase], seed: int, *, kind: str = ARRIVALS[0], most: int | None = None
) -> float:
    """When the last of so many requests is due; endless where their number does not end the run."""
    if most is None or not phases:
        return math.inf
    return max((one.due_s for one in arrivals(phases, seed, kind=kind, most=most)), default=0.0)
