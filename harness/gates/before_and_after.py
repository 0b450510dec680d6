"""Two logs of one service, before and after a change: which figures became worse, by how much, and how surely."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.gates.differences import fisher_exact, holm, poisson_rates, rank_sum
from harness.gates.log_counts import LogCounts
from harness.gates.log_trend import LEAST_EFFECT
from harness.gates.monitoring import zero_tolerance
from harness.gates.observations import CLASSIFIED
from harness.gates.result import GateResult, Unit, absent
from harness.verdict import Verdict

ALPHA = 0.05
QUANTILES = (0.5, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure in both logs, and the p-value of the difference; None where too little was counted for any.

    Less is better, but where `rises` says that the figure is wanted to rise: then it also has to, unless it is `complete`.
    """

    name: str
    before: float | None
    after: float | None
    unit: Unit
    told: str
    p_value: float | None
    rises: bool = False
    complete: bool = False

    @property
    def effect(self) -> float:
        """The change relative to what was before, positive where it is for the worse."""
        if not self.before:
            change = math.inf if self.after else 0.0
        else:
            change = ((self.after or 0.0) - self.before) / self.before
        return -change if self.rises else change


def compare(
    before: LogCounts, after: LogCounts, *, alpha: float = ALPHA, least_effect: float = LEAST_EFFECT
) -> tuple[GateResult, ...]:
    """A result for each figure. Worse is what is so at level `alpha` for all together, and by more than `least_effect`."""
    found = tuple(differences(before, after))
    tested = [one.p_value for one in found if one.p_value is not None]
    adjusted = iter(holm(tested))
    return tuple(
        _judged(one, None if one.p_value is None else next(adjusted), alpha, least_effect) for one in found
    )


def differences(before: LogCounts, after: LogCounts) -> Iterator[Difference]:
    """Each figure of the monitoring plan that can differ: what is in neither log cannot."""
    old, new = before.requests, after.requests
    yield _shares("error_rate", (old.errors, old.count), (new.errors, new.count))
    yield _shares(
        "share(not 2xx)", (old.count - old.of_class(2), old.count), (new.count - new.of_class(2), new.count)
    )
    if (method := after.contract.primary_method) is not None:
        others = [(log.methods.total() - log.methods[method], log.methods.total()) for log in (before, after)]
        yield _shares(f"share(method other than {method})", *others)
        yield _rates(CLASSIFIED, before, after, (before.seen[CLASSIFIED], after.seen[CLASSIFIED]), rises=True)
    for gate in zero_tolerance(after.contract):
        counts = gate.count(before), gate.count(after)
        if any(counts):
            yield _rates(gate.label or gate.names[0], before, after, counts)
    yield from (_quantiles(share, before, after) for share in QUANTILES)


def _shares(name: str, before: tuple[int, int], after: tuple[int, int]) -> Difference:
    """The difference of two shares; where not even the worst would show, no p-value."""
    known = bool(before[1] and after[1])
    can_show = known and fisher_exact(after[1], after[1], *before) < ALPHA
    return Difference(
        name=name,
        before=before[0] / before[1] if known else None,
        after=after[0] / after[1] if known else None,
        unit=Unit.SHARE,
        told=f"{before[0]:,} of {before[1]:,}, then {after[0]:,} of {after[1]:,}",
        p_value=fisher_exact(*after, *before) if can_show else None,
    )


def _rates(
    name: str, before: LogCounts, after: LogCounts, counts: tuple[int, int], *, rises: bool = False
) -> Difference:
    """The difference of two rates by request; what is wanted to rise, by turn that owes it."""
    old, new = (log.owing if rises else log.requests.count for log in (before, after))
    known = bool(old and new)
    return Difference(
        name=f"{name} by {'turn' if rises else 'request'}",
        before=counts[0] / old if known else None,
        after=counts[1] / new if known else None,
        unit=Unit.SHARE,
        told=f"{counts[0]:,} in {old:,}, then {counts[1]:,} in {new:,}",
        p_value=poisson_rates(counts[1], new, counts[0], old) if known else None,
        rises=rises,
        complete=rises and 0 < after.settled <= counts[1],
    )


def _quantiles(share: float, before: LogCounts, after: LogCounts) -> Difference:
    """The difference of a quantile of the response time: of stretches of requests, since neighbours are alike."""
    old, new = before.completions.durations, after.completions.durations
    size = max(old.size, new.size)
    stretches = [[one.quantile(share) or 0.0 for one in log.of_size(size)] for log in (old, new)]
    few, many = sorted(map(len, stretches))
    can_show = few > 0 and 2 / math.comb(few + many, few) < ALPHA
    told = f"{old.all.count:,}, then {new.all.count:,} answers, in stretches of {size:,}"
    return Difference(
        name=f"latency p{share * 100:g}",
        before=old.all.quantile(share),
        after=new.all.quantile(share),
        unit=Unit.SECONDS,
        told=told,
        p_value=rank_sum(stretches[1], stretches[0]) if can_show else None,
    )


def _judged(one: Difference, adjusted: float | None, alpha: float, least_effect: float) -> GateResult:
    """The result of a difference, its p-value adjusted for all that were tested."""
    name = f"{one.name}: {'increases' if one.rises else 'not worse'}"
    if one.before is None or one.after is None:
        return absent(name, 0, one.unit, "not in both logs")
    if adjusted is None:
        return _result(one, name, Verdict.UNDECIDED, "too little to show any difference")
    proven = adjusted < alpha and abs(one.effect) > least_effect
    verdict = Verdict.FAILED if proven and one.effect > 0 else Verdict.PASSED
    if one.rises and verdict is Verdict.PASSED and not (proven or one.complete):
        verdict = Verdict.UNDECIDED
    changed = "" if math.isinf(one.effect) else f"{-one.effect if one.rises else one.effect:+.1%}, "
    return _result(one, name, verdict, f"{changed}p = {one.p_value:.2g}, among all {adjusted:.2g}")


def _result(one: Difference, name: str, verdict: Verdict, told: str) -> GateResult:
    """The result: observed is what is now, the limit what was."""
    return GateResult(
        name=name,
        verdict=verdict,
        observed=one.after,
        bound=one.after,
        limit=one.before or 0.0,
        unit=one.unit,
        message=f"{one.told}: {told}" + ("; every answered turn has one" if one.complete else ""),
    )
