"""Two logs of one service, before and after a change: which figures became worse, by how much, and how surely."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.gates.differences import (
    events_by_turn,
    fisher_exact,
    holm,
    poisson_rates,
    rank_sum,
    share_change,
)
from harness.gates.log_counts import LogCounts
from harness.gates.log_fields import CLASSIFIED
from harness.gates.log_trend import COMPLETE, ENOUGH, LEAST_EFFECT, TOTALS
from harness.gates.monitoring import with_untold, zero_tolerance
from harness.gates.result import GateResult, Unit, absent
from harness.verdict import Verdict

ALPHA = 0.05
QUANTILES = (0.5, 0.95)
LEAST_POINTS = 0.02
"""A share that may have risen by 2 of 100 requests, or by the least effect where that is more, is not shown to be no worse.

That is said of each figure at the level itself: only to fail is corrected for looking at many.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure in both logs, and the p-value of the difference; None where too little was counted for any.

    `untold` requests name no status, where the figure is of that: then nothing is passed. `p_value_least` is that of
    the worst that could have been counted: where not even that were proof, nothing is passed. A share may have risen by as
    much as `rise_max`, at the level of the test: where that is much, nothing is passed either.
    Less is better, but where `rises` says that the figure is wanted to rise: then it also has to, unless it is `complete`.
    """

    name: str
    before: float | None
    after: float | None
    unit: Unit
    told: str
    p_value: float | None
    p_value_least: float = 0.0
    rise_max: float = 0.0
    rises: bool = False
    complete: bool = False
    untold: int = 0
    notes: str = ""

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
    """A result for each figure. Worse is what is so at level `alpha` for all together, and by more than `least_effect`.

    What would be worse if it alone had been looked at is undecided.
    """
    found = tuple(differences(before, after, alpha))
    known = sum(one.p_value is not None for one in found)
    tested = {
        one.name: p_value
        for one in found
        if (p_value := one.p_value) is not None and one.p_value_least * known < alpha
    }
    adjusted = dict(zip(tested, holm([*tested.values()]), strict=True))
    return tuple(_judged(one, adjusted.get(one.name), alpha, least_effect) for one in found)


def differences(before: LogCounts, after: LogCounts, alpha: float = ALPHA) -> Iterator[Difference]:
    """Each figure of the monitoring plan that can differ: what is in neither log cannot."""
    old, new = before.requests, after.requests
    untold = max(before.untold, after.untold)
    bad = [(log.errors, log.count) for log in (old, new)]
    yield replace(_shares("error_rate", bad[0], bad[1], alpha), untold=untold)
    bad = [(log.count - log.of_class(2), log.count) for log in (old, new)]
    yield replace(_shares("share(not 2xx)", bad[0], bad[1], alpha), untold=untold)
    if (method := after.contract.primary_method) is not None:
        others = [(log.methods.total() - log.methods[method], log.methods.total()) for log in (before, after)]
        yield _shares(f"share(method other than {method})", others[0], others[1], alpha)
        yield _classified(before, after)
    for gate in zero_tolerance(after.contract):
        counts = gate.count(before), gate.count(after)
        if any(counts):
            rates = _rates(gate.label or gate.names[0], counts, (old.count, new.count), alpha)
            yield replace(rates, untold=untold if gate.of_statuses else 0)
    yield from (_quantiles(share, before, after) for share in QUANTILES)


def _shares(name: str, before: tuple[int, int], after: tuple[int, int], alpha: float) -> Difference:
    """The difference of two shares; the worst is that all now are hits."""
    known = bool(before[1] and after[1])
    p_value = fisher_exact(*after, *before)
    return Difference(
        name=name,
        before=before[0] / before[1] if known else None,
        after=after[0] / after[1] if known else None,
        unit=Unit.SHARE,
        told=f"{before[0]:,} of {before[1]:,}, then {after[0]:,} of {after[1]:,}",
        p_value=p_value if known else None,
        p_value_least=min(p_value, fisher_exact(after[1], after[1], *before)),
        rise_max=share_change(*after, *before, alpha)[1] if known else math.inf,
    )


def _rates(name: str, counts: tuple[int, int], requests: tuple[int, int], alpha: float) -> Difference:
    """The difference of two rates by request; the worst is that each request now has one."""
    known = all(requests)
    p_value = poisson_rates(counts[1], requests[1], counts[0], requests[0]) if known else None
    once = known and all(count <= of for count, of in zip(counts, requests, strict=True))
    worst = poisson_rates(max(counts[1], requests[1]), requests[1], counts[0], requests[0]) if known else 1.0
    return Difference(
        name=f"{name} by request",
        before=counts[0] / requests[0] if known else None,
        after=counts[1] / requests[1] if known else None,
        unit=Unit.SHARE,
        told=f"{counts[0]:,} in {requests[0]:,}, then {counts[1]:,} in {requests[1]:,}",
        p_value=p_value,
        p_value_least=worst if p_value is None else min(p_value, worst),
        rise_max=share_change(counts[1], requests[1], counts[0], requests[0], alpha)[1] if once else 0.0,
    )


def _classified(before: LogCounts, after: LogCounts) -> Difference:
    """The difference of how many of the turns that owe a classification have one, which is wanted to rise."""
    exact = before.pairs.exact and after.pairs.exact
    was, now = (log.classified if exact else log.seen[CLASSIFIED] for log in (before, after))
    known = bool(before.owing and after.owing)
    notes = [] if exact else [TOTALS]
    if after.complete:
        notes.append(COMPLETE if after.pairs.exact else ENOUGH)
    return Difference(
        name=f"{CLASSIFIED} by turn",
        before=was / before.owing if known else None,
        after=now / after.owing if known else None,
        unit=Unit.SHARE,
        told=f"{was:,} in {before.owing:,}, then {now:,} in {after.owing:,}",
        p_value=events_by_turn(now, after.owing, was, before.owing) if known else None,
        rises=True,
        complete=after.complete,
        notes="".join(f"; {note}" for note in notes),
    )


def _quantiles(share: float, before: LogCounts, after: LogCounts) -> Difference:
    """The difference of a quantile of the response time: of stretches of requests, since neighbours are alike."""
    old, new = before.completions.durations, after.completions.durations
    size = max(old.size, new.size)
    stretches = [[one.quantile(share) or 0.0 for one in log.of_size(size)] for log in (old, new)]
    few, many = sorted(map(len, stretches))
    told = f"{old.all.count:,}, then {new.all.count:,} answers, in stretches of {size:,}"
    return Difference(
        name=f"latency p{share * 100:g}",
        before=old.all.quantile(share),
        after=new.all.quantile(share),
        unit=Unit.SECONDS,
        told=told,
        p_value=rank_sum(stretches[1], stretches[0]) if few else None,
        p_value_least=2 / math.comb(few + many, few),
    )


def _judged(one: Difference, adjusted: float | None, alpha: float, least_effect: float) -> GateResult:
    """The result of a difference, its p-value adjusted for all that were tested."""
    name = f"{one.name}: {'increases' if one.rises else 'not worse'}"
    if one.before is None or one.after is None:
        return absent(name, 0, one.unit, "not in both logs")
    if adjusted is None or one.p_value is None:
        return _result(one, name, Verdict.UNDECIDED, "too little to show any difference")
    proven = adjusted < alpha and abs(one.effect) > least_effect
    verdict = Verdict.FAILED if proven and one.effect > 0 else Verdict.PASSED
    suspect = one.p_value < alpha <= adjusted and one.effect > least_effect
    if verdict is Verdict.PASSED and (suspect or (one.rises and not (proven or one.complete))):
        verdict = Verdict.UNDECIDED
    if verdict is Verdict.PASSED and one.rise_max >= max(LEAST_POINTS, least_effect * one.before):
        more = f"up to {one.rise_max * 100:.2g} of 100 requests more are possible: a longer log is needed"
        return _result(one, name, Verdict.UNDECIDED, more)
    changed = "" if math.isinf(one.effect) else f"{-one.effect if one.rises else one.effect:+.1%}, "
    told = f"{changed}p = {one.p_value:.2g}, among all {adjusted:.2g}"
    return with_untold(_result(one, name, verdict, told), one.untold)


def _result(one: Difference, name: str, verdict: Verdict, told: str) -> GateResult:
    """The result: observed is what is now, the limit what was."""
    return GateResult(
        name=name,
        verdict=verdict,
        observed=one.after,
        bound=one.after,
        limit=one.before or 0.0,
        unit=one.unit,
        message=f"{one.told}: {told}{one.notes}",
    )
