"""From what was counted to verdicts: exact bounds where a run is looked at once, sequential tests where it is watched.

Of many gates one may seem to fail by luck, so the failing side is held to one level by Holm's method (S. Holm, "A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979). The passing side needs no
correction: a run passes only where every gate does. Where a run is watched, a gate's p-value is one over the largest
likelihood ratio so far, which may be looked at at any time (J. Ville, "Etude critique de la notion de collectif", 1939).
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.gates.cells import Cells
from harness.gates.criterion import Criterion, Figure, Scope
from harness.gates.differences import events_by_turn, holm
from harness.gates.metrics import METRICS, Amount, Asked, Evidence, Share, Trend, Unseen
from harness.gates.result import GateResult, Unit
from harness.gates.sequential import watched_test
from harness.gates.service_log import LogCell
from harness.gates.statistics import at_most, lower_bound, percentile_places, requests_needed, upper_bound
from harness.verdict import Verdict

WATCHED_ALPHA = 0.01
"""The level of a gate that is looked at all the time."""

SPOKEN_MIN = 0.9
"""A log that tells of fewer of the answered requests has fallen silent: what is not in it proves nothing."""

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
    """What a run has seen so far: `lasted_s` by phase, the service's log by phase where there is one; `ended` or not.

    `promised` is the event that each request leaves in the log; None where the contract names none. `before` is what the
    baseline has seen.
    """

    cells: Cells
    lasted_s: Mapping[str, float]
    log: Mapping[str, LogCell] | None = None
    promised: str | None = None
    ended: bool = True
    before: "Seen | None" = None

    def asked(self, criterion: Criterion) -> Asked:
        """What one gate is about."""
        phase = criterion.scope.phase
        return Asked(
            criterion=criterion,
            cell=self.cells.within(criterion.scope),
            lasted_s=sum(took_s for name, took_s in self.lasted_s.items() if phase in ("", name)),
            log=self._log(phase),
            mute=self._mute,
            before=None if self.before is None else self.before.asked(criterion),
        )

    def _log(self, phase: str) -> LogCell | None:
        """What was written in a phase, or in any."""
        if self.log is None:
            return None
        whole = LogCell()
        for name in sorted(self.log):
            if phase in ("", name):
                whole.merge(self.log[name])
        return whole

    @property
    def _mute(self) -> str:
        """Why what the log lacks proves nothing; empty where it does. A server's own lines are no word of the service."""
        if self.log is None:
            return "there is no log"
        lines = sum(cell.lines for cell in self.log.values())
        if not lines:
            return "the log is empty"
        answered = self.cells.within(Scope()).answered
        if self.promised is None:
            # Which line is a request's is not known then, but there are no fewer lines than requests.
            silent = self.ended and lines < SPOKEN_MIN * answered
            return (
                f"the log has {lines:,} lines of {answered:,} answered requests; where a good request leaves none, "
                "leave the log out with --without-log"
                if silent
                else ""
            )
        told = sum(cell.events[self.promised] for cell in self.log.values())
        if not told:
            return f"the log has no {self.promised} in {lines:,} lines"
        if self.ended and told < SPOKEN_MIN * answered:
            return f"the log has {told:,} {self.promised} of {answered:,} answered requests"
        return ""


@dataclass(slots=True, kw_only=True)
class Watch:
    """Gates that are looked at again and again while a run goes on: what fails has failed, what passes does until it fails.

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
        # What only counts may not fail by chance, and is none of those that are looked at together.
        tested = [index for index, p_value in enumerate(p_values) if p_value is not None]
        adjusted = dict(zip(tested, holm([p for p in p_values if p is not None]), strict=True))
        return tuple(
            self._result(index, one, evidence, adjusted.get(index, 1.0), ended=seen.ended)
            for index, (one, evidence) in enumerate(read)
        )

    def _is_watched(self, criterion: Criterion) -> bool:
        """Whether a gate is looked at all the time: one that ends the run is, too."""
        return self.watched or criterion.abort

    def _alpha(self, criterion: Criterion) -> float:
        return min(criterion.alpha, WATCHED_ALPHA) if self._is_watched(criterion) else criterion.alpha

    def _p_value(self, index: int, criterion: Criterion, evidence: Evidence) -> float | None:
        """How likely so much against the gate is where it holds; None where that is no question of chance."""
        if isinstance(evidence, Trend):
            return events_by_turn(
                evidence.count, evidence.requests, evidence.before_count, evidence.before_requests
            )
        if not isinstance(evidence, Share):
            return None
        if not self._is_watched(criterion):
            return 1 - at_most(evidence.wrong - 1, evidence.requests, evidence.limit)
        test = watched_test(evidence.limit, self._alpha(criterion))
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
        if isinstance(evidence, Trend):
            return _trend(criterion, evidence, p_value, ended=ended)
        verdict = self._held(index, self._shared(criterion, evidence, p_value))
        if self._is_watched(criterion) and verdict is not Verdict.UNDECIDED:
            self._settled[index] = verdict
        missing = self._missing(criterion, evidence) if verdict is Verdict.UNDECIDED else None
        bound = None
        if not self._is_watched(criterion):
            bound = _bound(criterion, evidence, criterion.alpha, failed=verdict is Verdict.FAILED)
        told = evidence.told + self._told(criterion, evidence, verdict)
        return _share(criterion, replace(evidence, told=told), verdict, bound, missing)

    def _held(self, index: int, now: Verdict) -> Verdict:
        """What stands of a gate: a fail for good, a pass until it fails.

        However long it goes on, a service at the better rate is no likelier to fail than the level says (J. Ville, 1939).
        """
        before = self._settled.get(index)
        if before is Verdict.FAILED or now is Verdict.FAILED:
            return Verdict.FAILED
        return before or now

    def _told(self, criterion: Criterion, evidence: Share, verdict: Verdict) -> str:
        """Of a sequential test, which of its two rates is the likelier; it has no other bound."""
        if not self._is_watched(criterion) or verdict is Verdict.UNDECIDED:
            return ""
        alpha = self._alpha(criterion)
        test = watched_test(evidence.limit, alpha)
        likely, other = (test.better, test.worse) if verdict is Verdict.PASSED else (test.worse, test.better)
        return f": rather {likely * 100:g}% than {other * 100:g}%"

    def _missing(self, criterion: Criterion, evidence: Share) -> int:
        """How many more requests without another wrong one pass it."""
        alpha = self._alpha(criterion)
        if self._is_watched(criterion):
            test = watched_test(evidence.limit, alpha)
            more = test.missing(evidence.wrong, evidence.requests)
        else:
            more = requests_needed(evidence.limit, alpha, evidence.wrong) - evidence.requests
        return max(0, more, criterion.min_n - evidence.requests)

    def _shared(self, criterion: Criterion, evidence: Share, p_value: float) -> Verdict:
        """The verdict on a share."""
        alpha = self._alpha(criterion)
        if evidence.requests < criterion.min_n:
            return Verdict.UNDECIDED
        if p_value <= alpha:
            return Verdict.FAILED
        if self._is_watched(criterion):
            test = watched_test(evidence.limit, alpha)
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
        missing=None if ended else 1,
    )


def _amount(criterion: Criterion, evidence: Amount, *, ended: bool) -> GateResult:
    """What is known is compared; while more may come, only what can no more change is said."""
    holds = _COMPARED[criterion.op](evidence.value, criterion.limit)
    verdict = Verdict.PASSED if holds else Verdict.FAILED
    too_much = not holds and (criterion.op in ("<", "<=") or evidence.value > criterion.limit)
    settled = evidence.grows and (too_much or (holds and criterion.op in (">", ">=")))
    if evidence.mute and not settled:
        why = Unseen(why="; ".join(filter(None, (evidence.told.lstrip(",; "), evidence.mute))))
        return replace(_unseen(criterion, why, ended=ended), observed=evidence.value)
    if not ended and not settled:
        verdict = Verdict.UNDECIDED
    if few := max(0, criterion.min_n - evidence.requests):
        verdict = Verdict.UNDECIDED
    return GateResult(
        name=str(criterion),
        verdict=verdict,
        observed=evidence.value,
        bound=evidence.value,
        limit=criterion.limit,
        unit=_UNITS[criterion.figure],
        message=f"of {evidence.requests:,} requests{evidence.told}",
        missing=few or None,
    )


def _trend(criterion: Criterion, evidence: Trend, p_value: float, *, ended: bool) -> GateResult:
    """Whether there is more of it by request than there was; where chance may have done it, nothing is said."""
    now, before = evidence.count / evidence.requests, evidence.before_count / evidence.before_requests
    verdict = Verdict.UNDECIDED
    if ended and p_value <= criterion.alpha and evidence.requests >= criterion.min_n:
        verdict = Verdict.PASSED if now > before else Verdict.FAILED
    return GateResult(
        name=str(criterion),
        verdict=verdict,
        missing=max(0, criterion.min_n - evidence.requests) or None,
        observed=now,
        bound=p_value,
        limit=before,
        unit=Unit.COUNT,
        message=f"{evidence.count:,} in {evidence.requests:,} requests, before {evidence.before_count:,} in "
        f"{evidence.before_requests:,}: p = {p_value:.3g}",
    )


def _share(
    criterion: Criterion, evidence: Share, verdict: Verdict, bound: float | None, missing: int | None
) -> GateResult:
    """What is estimated, with its exact bound at the gate's own level where it has one, and how far it is from a pass."""
    more = "" if missing is None else f"; {missing:,} more good requests would pass it"
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


def _bound(criterion: Criterion, evidence: Share, alpha: float, *, failed: bool) -> float | None:
    """What the figure is proven to be above, where the gate failed, else below; None where there are too few requests."""
    if evidence.at_place is not None and evidence.quantile is not None:
        lower, upper = percentile_places(evidence.requests, evidence.quantile, alpha)
        place = lower if failed else upper
        return None if place is None else evidence.at_place(place)
    bound = (lower_bound if failed else upper_bound)(evidence.wrong, evidence.requests, alpha)
    # What is to be many is counted by those that are not.
    return bound if criterion.op in ("<", "<=") else 1 - bound
