"""Whether two counts differ: exact tests in plain Python, and the correction for looking at many.

All are two-sided. Those of counts give the probability, where there is no difference, of all outcomes that are no more
probable than the one seen. R. A. Fisher, "The logic of inductive inference" (Journal of the Royal Statistical Society 98, 1935); J. Przyborowski
and H. Wilenski, "Homogeneity of results in testing samples from Poisson series" (Biometrika 31, 1940).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from random import Random

from harness.gates.statistics import lower_bound, upper_bound

_LEAST = 1e-300
_AS_PROBABLE = 1 + 1e-7
"""Outcomes are as probable as the one seen where only rounding makes them more."""


def fisher_exact(hits: int, trials: int, other_hits: int, other_trials: int) -> float:
    """The p-value of the difference of two shares, by the hypergeometric distribution of `hits`.

    Raises:
        ValueError: there are more hits than trials, or fewer than none.
    """
    if not (0 <= hits <= trials and 0 <= other_hits <= other_trials):
        raise ValueError(f"{hits} of {trials} and {other_hits} of {other_trials}: hits are among the trials")
    all_hits = hits + other_hits
    low, high = max(0, all_hits - other_trials), min(all_hits, trials)
    mode = (all_hits + 1) * (trials + 1) // (trials + other_trials + 2)

    def step(k: int) -> float:
        return (all_hits - k) * (trials - k) / ((k + 1) * (other_trials - all_hits + k + 1))

    return _p_value(hits, low, min(high, max(low, mode)), high, step)


def share_change(
    hits: int, trials: int, other_hits: int, other_trials: int, alpha: float
) -> tuple[float, float]:
    """What the share of the first minus that of the other is between, each end at level `alpha`.

    Made of the exact bounds of each (G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures",
    Statistics in Medicine 27, 2008), which no number of trials without any hit makes less than it is.
    """
    share, other = hits / trials, other_hits / other_trials
    low, high = lower_bound(hits, trials, alpha), upper_bound(hits, trials, alpha)
    other_low = lower_bound(other_hits, other_trials, alpha)
    other_high = upper_bound(other_hits, other_trials, alpha)
    change = share - other
    return (
        change - math.hypot(share - low, other_high - other),
        change + math.hypot(high - share, other - other_low),
    )


def poisson_rates(events: int, exposure: float, other_events: int, other_exposure: float) -> float:
    """The p-value of the difference of two rates: events by exposure (seconds, requests, anything that adds up).

    Given their sum, the events of the first are binomial with its share of the exposure.

    Raises:
        ValueError: there is an exposure that is not more than 0, or a count that is less.
    """
    if exposure <= 0 or other_exposure <= 0 or events < 0 or other_events < 0:
        raise ValueError(
            f"{events} in {exposure} and {other_events} in {other_exposure}: a rate has an exposure"
        )
    both, odds = events + other_events, exposure / other_exposure
    mode = int((both + 1) * (odds / (1 + odds)))

    def step(k: int) -> float:
        return (both - k) / (k + 1) * odds

    return _p_value(events, 0, min(both, mode), both, step)


def events_by_turn(events: int, turns: int, other_events: int, other_turns: int) -> float:
    """The p-value of the difference of how often turns have an event.

    Where each can have it once at most that is a share, of which near 1 a rate shows next to nothing: Fisher's test. Where
    there are more events than turns it is a rate.

    Raises:
        ValueError: there is no turn, or a count that is less than 0.
    """
    once = events <= turns and other_events <= other_turns
    return (fisher_exact if once else poisson_rates)(events, turns, other_events, other_turns)


def rank_sum(values: Sequence[float], others: Sequence[float], *, draws: int = 9_999) -> float:
    """The p-value of the difference of two samples, by the sum of their ranks in so many random divisions of all.

    F. Wilcoxon, "Individual comparisons by ranking methods" (Biometrics Bulletin 1, 1945). The draws are seeded: the same
    samples give the same value. It is never less than 1 / (draws + 1), and 1 without values.
    """
    few, many = sorted((values, others), key=len)
    if not few:
        return 1.0
    ranks = _ranks((*few, *many))
    middle, size = sum(ranks) * len(few) / len(ranks), len(few)
    distance = abs(sum(ranks[:size]) - middle)
    random = Random(0)
    as_far = sum(abs(sum(random.sample(ranks, size)) - middle) >= distance for _ in range(draws))
    return (1 + as_far) / (1 + draws)


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value; equal values share theirs."""
    ascending = sorted(values)
    return [(bisect_left(ascending, value) + bisect_right(ascending, value) + 1) / 2 for value in values]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values, adjusted so that all may be held to one level; S. Holm (Scandinavian Journal of Statistics 6, 1979)."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def _p_value(seen: int, low: int, mode: int, high: int, step: Callable[[int], float]) -> float:
    """The share of the weight of low..high that is on outcomes no more probable than `seen`.

    `step(k)` is the probability of k + 1 over that of k. The weights fall on both sides of `mode`, whose own is 1, and end
    where a float does: a wide distribution costs what its spread is, not its range.
    """
    weights = {mode: 1.0}
    weights |= dict(_falling(range(mode + 1, high + 1), lambda k: step(k - 1)))
    weights |= dict(_falling(range(mode - 1, low - 1, -1), lambda k: 1 / step(k)))
    bound = weights.get(seen, 0.0) * _AS_PROBABLE
    ascending = sorted(weights.values())
    return min(1.0, sum(weight for weight in ascending if weight <= bound) / sum(ascending))


def _falling(outcomes: range, factor: Callable[[int], float]) -> Iterator[tuple[int, float]]:
    """Each outcome with its weight, from the mode outwards."""
    weight = 1.0
    for outcome in outcomes:
        weight *= factor(outcome)
        if weight < _LEAST:
            return
        yield outcome, weight
