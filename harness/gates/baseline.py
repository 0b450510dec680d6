"""What became worse between two runs of a load: quantiles of the latency, and the share of errors.

Requests of one second are alike, so it is not requests that are drawn again but stretches of seconds, which go around the
end: the circular block bootstrap of D. N. Politis and J. P. Romano, "A circular block-resampling procedure for stationary
data" (Exploring the Limits of Bootstrap, 1992), after H. R. Kuensch, "The jackknife and the bootstrap for general stationary
observations" (Annals of Statistics 17, 1989), in stretches that grow as the cube root of the length (P. Hall, J. L. Horowitz
and B.-Y. Jing, Biometrika 82, 1995). Intervals are of the percentile kind (B. Efron, "Bootstrap methods", Annals of Statistics
7, 1979), widened for few stretches (T. Hesterberg, "What teachers should know about the bootstrap", American Statistician 69,
2015). Both their ends are proven at the level itself, as in a test of equivalence (D. J. Schuirmann, Journal of
Pharmacokinetics and Biopharmaceutics 15, 1987): only to fail is corrected for looking at many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import NormalDist

from harness.gates.cells import Cell
from harness.gates.criterion import ALPHA
from harness.gates.differences import fisher_exact, holm, share_change
from harness.gates.log_trend import LEAST_EFFECT
from harness.gates.resampled import QUANTILES, Resampled
from harness.gates.result import GateResult, Unit, figure
from harness.gates.statistics import percentile_places, requests_needed
from harness.verdict import Verdict

RESAMPLES = 2_000
LEAST_ERRORS = 0.001
"""A rise of the error rate by less is none, as where there were no errors any rise is endlessly many times as much."""
BLOCKS_LEAST = 20
"""Fewer seconds say too little of how much seconds differ."""
LONGER = "a longer run is needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of both runs: the difference, what it is between at the level, and how likely so much for the worse is luck.

    Where nothing can be said of it, `why` says so.
    """

    name: str
    told: str
    least: float
    difference: float | None = None
    low: float = -math.inf
    high: float = math.inf
    p_value: float = 1.0
    why: str = ""


def compare(
    before: Sequence[Cell],
    after: Sequence[Cell],
    *,
    alpha: float = ALPHA,
    least_effect: float = LEAST_EFFECT,
    least_errors: float = LEAST_ERRORS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[GateResult, ...]:
    """A result for each quantile and for the error rate, from the seconds of both runs; the same for the same seconds.

    Worse is what is so at level `alpha` for all together and by `least_effect` of the baseline, which of the error rate is
    `least_errors` at least. Not worse is what is proven to be less than that; anything else is undecided.
    """
    old, new = Resampled.of(before), Resampled.of(after)
    drawn = _drawn(old, new, resamples, Random(seed))
    found = [
        _quantile(share, old, new, changes, alpha=alpha, least=least_effect)
        for share, changes in zip(QUANTILES, drawn, strict=True)
    ]
    exact = _errors(before, after, alpha=alpha, least_effect=least_effect, least_errors=least_errors)
    found.append(_in_bursts(exact, old, new, alpha=alpha, resamples=resamples, random=Random(seed)))
    adjusted = holm([one.p_value for one in found])
    return tuple(_judged(one, p_value, alpha) for one, p_value in zip(found, adjusted, strict=True))


def _drawn(old: Resampled, new: Resampled, resamples: int, random: Random) -> list[list[float]]:
    """For each quantile its change in each pair of draws."""
    pairs = [(old.drawn(random), new.drawn(random)) for _ in range(resamples)]
    return [[_change(was[at], now[at]) for was, now in pairs] for at in range(len(QUANTILES))]


def _change(was: float, now: float) -> float:
    """By which share of what it was it rose; unknown where it was endless and is."""
    if math.isinf(was):
        return math.nan if math.isinf(now) else -1.0
    if was == 0:
        return math.inf if now else 0.0
    return now / was - 1


def _quantile(
    share: float, old: Resampled, new: Resampled, changes: Sequence[float], *, alpha: float, least: float
) -> Compared:
    """What is known of one quantile. A change that is unknown may be any: it speaks neither for worse nor for not worse."""
    name = f"p{share * 100:g} not above its baseline by {figure(least, Unit.SHARE)}"
    if why := _too_little(share, old, new, alpha):
        return Compared(name=name, told="", least=least, why=why)
    at = QUANTILES.index(share)
    was_us, now_us = old.observed()[at], new.observed()[at]
    told = f"{figure(was_us / 1e6, Unit.SECONDS)}, then {figure(now_us / 1e6, Unit.SECONDS)}"
    difference = _change(was_us, now_us)
    if math.isnan(difference):
        return Compared(name=name, told=told, least=least, why="there is no such answer in either run")
    changes = _widened(changes, difference, min(old.picks, new.picks), alpha)
    outside = math.floor(alpha * len(changes))
    lowest = sorted(-1.0 if math.isnan(one) else one for one in changes)
    highest = sorted(math.inf if math.isnan(one) else one for one in changes)
    not_worse = sum(not one > 0 for one in changes)
    return Compared(
        name=name,
        told=told,
        least=least,
        difference=difference,
        low=lowest[outside],
        high=highest[-1 - outside],
        p_value=(1 + not_worse) / (1 + len(changes)),
    )


def _widened(changes: Sequence[float], difference: float, stretches: int, alpha: float) -> Sequence[float]:
    """The changes, further from what was observed: draws of few stretches differ less than runs do, and have thin tails.

    Their variance is too small by one of so many, and Student's quantile is larger than the normal one, by the first term of
    R. A. Fisher's and E. A. Cornish's expansion; both at the strictest level to which one of all figures may be held.
    """
    if math.isinf(difference):
        return changes
    normal = NormalDist().inv_cdf(1 - alpha / (len(QUANTILES) + 1))
    wider = math.sqrt(stretches / (stretches - 1)) * (1 + (normal**2 + 1) / (4 * (stretches - 1)))
    further = [difference + wider * (change - difference) for change in changes]
    # Nothing falls by more than all of it; what is unknown stays so.
    return [-1.0 if change < -1 else change for change in further]


def _too_little(share: float, old: Resampled, new: Resampled, alpha: float) -> str:
    """Why nothing can be said of a quantile; empty where something can.

    A draw has nothing above the most that was seen, so a run also needs as many requests as its own bound would.
    """
    if (seconds := min(old.seconds, new.seconds)) < BLOCKS_LEAST:
        return f"{seconds} s of a run, and it takes {BLOCKS_LEAST}: {LONGER}"
    requests = min(old.total, new.total)
    if None in percentile_places(requests, share, alpha):
        needed = requests_needed(1 - share, alpha)
        return f"{requests:,} requests, and it takes {needed:,}: {LONGER}"
    return ""


def _errors(
    before: Sequence[Cell], after: Sequence[Cell], *, alpha: float, least_effect: float, least_errors: float
) -> Compared:
    """What is known of the error rate: Fisher's test, and the interval of the difference of two shares."""
    name = (
        f"error rate not above its baseline by {figure(least_effect, Unit.SHARE)} "
        f"and by {figure(least_errors, Unit.SHARE)} of all requests"
    )
    (was_wrong, was_all), (now_wrong, now_all) = (_wrong(blocks) for blocks in (before, after))
    if not was_all or not now_all:
        return Compared(name=name, told="", least=least_errors, why=f"a run has no request: {LONGER}")
    was, now = was_wrong / was_all, now_wrong / now_all
    low, high = share_change(now_wrong, now_all, was_wrong, was_all, alpha)
    return Compared(
        name=name,
        told=f"{was_wrong:,} of {was_all:,}, then {now_wrong:,} of {now_all:,}",
        least=max(least_errors, least_effect * was),
        difference=now - was,
        low=low,
        high=high,
        p_value=fisher_exact(now_wrong, now_all, was_wrong, was_all) if now > was else 1.0,
    )


def _in_bursts(
    exact: Compared, old: Resampled, new: Resampled, *, alpha: float, resamples: int, random: Random
) -> Compared:
    """What is known where errors come in bursts: two runs with as many of them differ by more than requests drawn one by one.

    So it takes both, Fisher's test and the draws of stretches, to show a rise, and what one of them allows is allowed.
    """
    if (
        exact.difference is None
        or min(old.seconds, new.seconds) < BLOCKS_LEAST
        or not (sum(old.failed) + sum(new.failed))
    ):
        return exact
    drawn = [new.drawn_errors(random) - old.drawn_errors(random) for _ in range(resamples)]
    changes = sorted(_widened(drawn, exact.difference, min(old.picks, new.picks), alpha))
    outside = math.floor(alpha * len(changes))
    return replace(
        exact,
        low=min(exact.low, changes[outside]),
        high=max(exact.high, changes[-1 - outside]),
        p_value=max(exact.p_value, (1 + sum(not one > 0 for one in changes)) / (1 + len(changes))),
    )


def _wrong(blocks: Sequence[Cell]) -> tuple[int, int]:
    """How many requests failed, and of how many."""
    return sum(cell.failed for cell in blocks), sum(cell.requests for cell in blocks)


def _judged(one: Compared, adjusted: float, alpha: float) -> GateResult:
    """The result, its p-value adjusted for all; what a fail is proven to be above, or anything else to be below, is its bound."""
    verdict, told = Verdict.UNDECIDED, one.why
    if one.difference is not None:
        interval = f"{_signed(one.difference)}, from {_signed(one.low)} to {_signed(one.high)}"
        told = f"{interval} at {1 - alpha:.4g} for each end, p = {one.p_value:.2g}, among all {adjusted:.2g}"
        if adjusted < alpha and one.difference >= one.least:
            verdict = Verdict.FAILED
        elif one.high < one.least:
            verdict = Verdict.PASSED
        else:
            told = f"{told}; {LONGER}"
    known = one.difference is not None
    return GateResult(
        name=one.name,
        verdict=verdict,
        observed=one.difference,
        bound=(one.low if verdict is Verdict.FAILED else one.high) if known else None,
        limit=one.least,
        unit=Unit.SHARE,
        message=": ".join(filter(None, (one.told, told))),
    )


def _signed(change: float) -> str:
    """A change with its sign; an endless one in a word."""
    return f"{change * 100:+.3g}%" if math.isfinite(change) else "no end"
