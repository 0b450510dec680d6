"""From what was counted to verdicts: exact bounds where a run is looked at once, sequential tests where it is watched.

Of many gates one may seem to fail by luck, so the failing side is held to one level by Holm's method (S. Holm, "A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979). The passing side needs no
correction: a run passes only where every gate does. Where a run is watched, a gate's p-value is one over the largest
likelihood ratio so far, which may be looked at at any time (J. Ville, "Etude critique de la notion de collectif", 1939).
"""

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.gates.cells import Cells
from harness.gates.criterion import Criterion, Figure
from harness.gates.differences import holm
from harness.gates.metrics import METRICS, Amount, Asked, Evidence, Share, Unseen
from harness.gates.result import GateResult, Unit
from harness.gates.sequential import RateTest
from harness.gates.statistics import at_most, lower_bound, requests_needed, upper_bound
from harness.verdict import Verdict

WATCHED_ALPHA = 0.01
"""The level of a gate that is looked at all the time."""

_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_UNITS = {
    Figure.SHARE: Unit.SHARE,
    Figure.SECONDS: Unit.SECONDS,
    Figure.COUNT: Unit.COUNT,
    Figure.RATE: Unit.COUNT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run has seen so far: `lasted_s` by phase, the log's events by phase where there is a log; `ended` or not."""

    cells: Cells
    lasted_s: Mapping[str, float]
    events: Mapping[str, Mapping[str, int]] | None = None
    ended: bool = True

    def asked(self, criterion: Criterion) -> Asked:
        """What one gate is about."""
        phase = criterion.scope.phase
        events: Counter[str] | None = None
        if self.events is not None:
            events = Counter()
            for name, counted in self.events.items():
                if phase in ("", name):
                    events.update(counted)
        return Asked(
            criterion=criterion,
            cell=self.cells.within(criterion.scope),
            lasted_s=sum(took_s for name, took_s in self.lasted_s.items() if phase in ("", name)),
            events=events,
        )


@dataclass(slots=True, kw_only=True)
class Watch:
    """Gates that are looked at again and again while a run goes on; what is decided once stays so.

    Not `watched`, they are looked at once, at the end, with exact bounds.
    """

    criteria: Sequence[Criterion]
    watched: bool = True
    _highest: dict[int, float] = field(default_factory=dict)
    _settled: dict[int, Verdict] = field(default_factory=dict)

    def look(self, seen: Seen) -> tuple[GateResult, ...]:
        """The results of all gates, by what was seen so far."""
        read = [(one, METRICS[one.metric].read(seen.asked(one))) for one in self.criteria]
        p_values = [self._p_value(index, one, evidence) for index, (one, evidence) in enumerate(read)]
        adjusted = holm([1.0 if p is None else p for p in p_values])
        return tuple(
            self._result(index, one, evidence, adjusted[index], ended=seen.ended)
            for index, (one, evidence) in enumerate(read)
        )

    def _alpha(self, criterion: Criterion) -> float:
        return min(criterion.alpha, WATCHED_ALPHA) if self.watched else criterion.alpha

    def _p_value(self, index: int, criterion: Criterion, evidence: Evidence) -> float | None:
        """How likely so much against the gate is where it holds; None where that is no question of chance."""
        if not isinstance(evidence, Share):
            return None
        if not self.watched:
            return 1 - at_most(evidence.wrong - 1, evidence.requests, evidence.limit)
        test = RateTest(limit=evidence.limit, alpha=self._alpha(criterion), beta=self._alpha(criterion))
        score = test.score(evidence.wrong, evidence.requests)
        self._highest[index] = max(score, self._highest.get(index, 0.0))
        return min(1.0, math.exp(-self._highest[index]))

    def _result(
        self, index: int, criterion: Criterion, evidence: Evidence, p_value: float, *, ended: bool
    ) -> GateResult:
        if isinstance(evidence, Unseen):
            return _unseen(criterion, evidence, ended=ended)
        if isinstance(evidence, Amount):
            return _amount(criterion, evidence, ended=ended)
        verdict = self._settled.get(index) or self._shared(criterion, evidence, p_value)
        if self.watched and verdict is not Verdict.UNDECIDED:
            self._settled[index] = verdict
        return _share(criterion, evidence, verdict, self._alpha(criterion))

    def _shared(self, criterion: Criterion, evidence: Share, p_value: float) -> Verdict:
        """The verdict on a share."""
        alpha = self._alpha(criterion)
        if evidence.requests < criterion.min_n:
            return Verdict.UNDECIDED
        if p_value <= alpha:
            return Verdict.FAILED
        if self.watched:
            test = RateTest(limit=evidence.limit, alpha=alpha, beta=alpha)
            passes = test.verdict(evidence.wrong, evidence.requests) is Verdict.PASSED
        else:
            passes = upper_bound(evidence.wrong, evidence.requests, alpha) < evidence.limit
        return Verdict.PASSED if passes else Verdict.UNDECIDED


def _unseen(criterion: Criterion, evidence: Unseen, *, ended: bool) -> GateResult:
    """Nothing that the gate is about: not yet, or never, which is no pass."""
    return GateResult(
        name=str(criterion),
        verdict=Verdict.INVALID if ended else Verdict.UNDECIDED,
        observed=None,
        bound=None,
        limit=criterion.limit,
        unit=_UNITS[criterion.figure],
        message=evidence.why,
    )


def _amount(criterion: Criterion, evidence: Amount, *, ended: bool) -> GateResult:
    """What is known is compared; while more may come, only what can no more change is said."""
    holds = _COMPARED[criterion.op](evidence.value, criterion.limit)
    verdict = Verdict.PASSED if holds else Verdict.FAILED
    too_much = evidence.grows and evidence.value > criterion.limit
    enough = evidence.grows and criterion.op in (">", ">=") and holds
    if not ended and not enough and not (too_much and not holds):
        verdict = Verdict.UNDECIDED
    return GateResult(
        name=str(criterion),
        verdict=verdict,
        observed=evidence.value,
        bound=evidence.value,
        limit=criterion.limit,
        unit=_UNITS[criterion.figure],
        message=f"{evidence.requests:,} requests{evidence.told}",
    )


def _share(criterion: Criterion, evidence: Share, verdict: Verdict, alpha: float) -> GateResult:
    """What is estimated, with its exact bound at the gate's own level, and how far it is from a pass."""
    failed = verdict is Verdict.FAILED
    bound = (lower_bound if failed else upper_bound)(evidence.wrong, evidence.requests, alpha)
    missing = None
    if verdict is Verdict.UNDECIDED:
        missing = max(0, requests_needed(evidence.limit, alpha, evidence.wrong) - evidence.requests)
    more = "" if missing is None else f"; {missing:,} more requests without another are missing"
    return GateResult(
        name=str(criterion),
        verdict=verdict,
        observed=evidence.observed,
        bound=bound,
        limit=criterion.limit,
        unit=_UNITS[criterion.figure],
        message=f"{evidence.wrong:,} of {evidence.requests:,}{evidence.told}{more}",
        missing=missing,
    )
