"""Judging: a history and the invariants in, what may be said of it out. Pure, so a stored history is judged alike."""

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from harness.history import LOGS, PROVIDER, History, Outage, Snapshot
from harness.reading import DIED, PAUSED, is_owed, samples
from harness.registry import Invariant
from harness.verdict import TOO_BUSY, Verdict, Violation

HARNESS_LAG_MS_MAX = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What may be said of one arm.

    `untrusted` says why the observation proves nothing, `unfired` names the declared faults that never fired,
    `doubts` says why there is too little evidence. `checked` names the invariants that were judged.
    """

    violations: tuple[Violation, ...]
    untrusted: tuple[str, ...]
    unfired: tuple[str, ...]
    doubts: tuple[str, ...]
    checked: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Untrusted is invalid; a violation fails; a fault that never fired is invalid; a doubt leaves it open."""
        if self.untrusted:
            return Verdict.INVALID
        if self.violations:
            return Verdict.FAILED
        if self.unfired:
            return Verdict.INVALID
        return Verdict.UNDECIDED if self.doubts else Verdict.PASSED


def judge(history: History, invariants: Iterable[Invariant]) -> Judgement:
    """Hold one history to the invariants. A missing witness or a crash of an oracle is never a pass.

    Of a run in whose midst the target died only that is judged, and what needs no more than was seen.

    An invariant whose witness the target does not have at all, or whose promise it does not make, is not applicable,
    and so not among `checked`.
    """
    header = history.header
    cut = any(outage.how == DIED for outage in history.of(Outage))
    asked = [invariant for invariant in invariants if invariant.of_a_cut_run or not cut]
    # What is told first is what somebody met: it is the headline of a report, and what a search makes small.
    held = [_hold(history, invariant) for invariant in sorted(asked, key=lambda one: one.at_rest)]
    checked = tuple(each.name for each in held if each.judged)
    untrusted = [*header.doubts, *(each.untrusted for each in held if each.untrusted), *_silent(history)]
    violations = tuple(violation for each in held for violation in each.violations)
    untrusted += [] if violations else [*_untold(history), *_unread(history)]
    fired = history.fired()
    if not header.nonce_matched:
        untrusted.append("an answer did not carry the nonce of the target that was started")
    if not history.exchanges:
        untrusted.append("nothing was exchanged")
    if not checked:
        untrusted.append("no invariant was judged")
    if not header.declared and fired:
        untrusted.append(f"faults fired in a run that declares none: {', '.join(sorted(fired))}")
    lag_ms = header.harness_lag_ms_max
    slow = (f"the machine was too slow: the harness's own ticker was {lag_ms:.0f} ms late",)
    return Judgement(
        violations=violations,
        untrusted=tuple(untrusted),
        unfired=tuple(name for name in header.declared if not fired[name]),
        doubts=(
            *(slow if lag_ms > HARNESS_LAG_MS_MAX else ()),
            *(said for each in held for said in each.doubts),
        ),
        checked=checked,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What one invariant says of a history: judged, not applicable, or not to be trusted."""

    name: str
    judged: bool = False
    violations: tuple[Violation, ...] = ()
    doubts: tuple[str, ...] = ()
    untrusted: str = ""


def _hold(history: History, invariant: Invariant) -> _Held:
    """Hold a history to one invariant."""
    header, name = history.header, invariant.name
    if not all(getattr(header.contract, promise) for promise in invariant.promises):
        return _Held(name=name)
    if missing := invariant.witnesses - set(header.witnesses):
        applicable = not missing <= set(header.absent)
        return _Held(
            name=name, untrusted=f"{name} has no witness: {', '.join(sorted(missing))}" if applicable else ""
        )
    try:
        found = tuple(invariant(history))
    except Exception as error:  # noqa: BLE001  # whatever an oracle raises, it is said, and is never a pass
        place = traceback.extract_tb(error.__traceback__)[-1]
        return _Held(
            name=name, judged=True, untrusted=f"{name} crashed: {error!r} at {place.name}:{place.lineno}"
        )
    violations = tuple(
        Violation(invariant=name, message=finding.message, evidence=finding.evidence, arm=header.arm)
        for finding in found
        if not finding.doubtful
    )
    doubts = tuple(f"{TOO_BUSY}{name}: {one.message}" for one in found if one.doubtful)
    return _Held(name=name, judged=True, violations=violations, doubts=doubts)


def _silent(history: History) -> Iterator[str]:
    """Why a witness that should have testified cannot be believed: it said nothing at all."""
    header = history.header
    judged_by_levels = header.contract.primary_method is not None
    if PROVIDER in header.witnesses and not history.calls and not judged_by_levels:
        yield "the provider was never asked: is provider_variable of the profile the one that the target reads?"


def _unread(history: History) -> Iterator[str]:
    """Why nothing that is counted can be believed: a page of the metrics never came, or lacks what tells by being low."""
    contract = history.header.contract
    promised = (contract.response_metric, contract.in_flight_metric, contract.dropped_lines_metric)
    pages = [one for one in history.of(Snapshot) if one.name == "metrics"]
    read = [one for one in pages if one.status == HTTPStatus.OK]
    if (any(promised) or contract.alarm_metrics) and pages and not read:
        yield f"the metrics were asked for and answered {pages[-1].status}: is metrics of the profile the path of their page?"
    ended = any(outage.how != PAUSED for outage in history.of(Outage))
    if contract.alarm_metrics and read and len(read) < len(pages) and not ended:
        refused = next(one for one in pages if one.status != HTTPStatus.OK)
        yield f"of {len(pages)} pages of metrics {len(pages) - len(read)} could not be read, one answered {refused.status}"
    gauge = contract.in_flight_metric
    if gauge and read and not any(True for one in read for _ in samples(one, gauge)):
        yield f"the metrics have no {gauge}: is in_flight_metric of the profile what they call it?"


def _untold(history: History) -> Iterator[str]:
    """Why a log that shows nothing wrong cannot be believed: of all answers it has not one of the promised records."""
    contract, witnesses = history.header.contract, history.header.witnesses
    promised = contract.completion_event
    answered = sum(one.status is not None and is_owed(one, history) for one in history.turns)
    if promised and answered and LOGS in witnesses and all(one.event != promised for one in history.logs):
        yield f"of {answered} answered turns the log has no {promised}: is completion_event of the profile what it writes?"
