"""Judging: a history and the invariants in, what may be said of it out. Pure, so a stored history is judged alike."""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass

from harness.history import History
from harness.registry import Invariant
from harness.verdict import Verdict, Violation

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

    An invariant whose witness the target does not have at all is not applicable, and so not among `checked`.
    """
    header = history.header
    violations: list[Violation] = []
    untrusted: list[str] = []
    checked: list[str] = []
    if not header.nonce_matched:
        untrusted.append("an answer did not carry the nonce of the target that was started")
    if not history.exchanges:
        untrusted.append("nothing was exchanged")
    for invariant in invariants:
        if missing := invariant.witnesses - set(header.witnesses):
            if missing <= set(header.absent):
                continue
            untrusted.append(f"{invariant.name} has no witness: {', '.join(sorted(missing))}")
            continue
        checked.append(invariant.name)
        try:
            violations.extend(
                Violation(
                    invariant=invariant.name, message=item.message, evidence=item.evidence, arm=header.arm
                )
                for item in invariant(history)
            )
        except Exception as error:  # noqa: BLE001  # whatever an oracle raises, it is said, and is never a pass
            place = traceback.extract_tb(error.__traceback__)[-1]
            untrusted.append(f"{invariant.name} crashed: {error!r} at {place.name}:{place.lineno}")
    if not checked:
        untrusted.append("no invariant was judged")
    fired = history.fired()
    unfired = tuple(name for name in header.declared if not fired[name])
    if not header.declared and fired:
        untrusted.append(f"faults fired in a run that declares none: {', '.join(sorted(fired))}")
    lag_ms = header.harness_lag_ms_max
    doubts = (f"the machine was too slow: the harness's own ticker was {lag_ms:.0f} ms late",)
    return Judgement(
        violations=tuple(violations),
        untrusted=tuple(untrusted),
        unfired=unfired,
        doubts=doubts if lag_ms > HARNESS_LAG_MS_MAX else (),
        checked=tuple(checked),
    )
