"""What came of a matrix: which defects were caught, by what, and who had to testify for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.history import LOGS, PROVIDER
from harness.matrix.plan import Cell
from harness.registry import Invariant
from harness.verdict import ScenarioVerdict, Verdict

SECOND = (LOGS, PROVIDER)
"""The witnesses that a user may not have: nobody reads the log, or the provider is the real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One cell and what came of it. `witnesses` are those that each violated invariant needs."""

    cell: Cell
    result: ScenarioVerdict
    witnesses: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectResult:
    """What became of one defect: the scenarios that caught it, and the right reasons among their violations.

    `others` are invariants that fired too and are no reason that the defect names. `needs` are the witnesses, of the
    log and the provider's own, without which nothing would have caught it.
    """

    name: str
    incident_class: str = ""
    summary: str = ""
    sources: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    played: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    fired: Mapping[str, tuple[str, ...]]

    @property
    def caught(self) -> bool:
        """True when at least one scenario failed for a reason that the defect names."""
        return bool(self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixResult:
    """The whole matrix; `clean` are the scenarios without any defect."""

    defects: tuple[DefectResult, ...]
    clean: tuple[ScenarioVerdict, ...]

    @property
    def false_alarms(self) -> tuple[str, ...]:
        """The scenarios that fail without any defect."""
        return tuple(result.name for result in self.clean if result.verdict is Verdict.FAILED)

    @property
    def classes_needing(self) -> Mapping[str, tuple[str, ...]]:
        """For each witness that a user may not have, the incident classes of which nothing is caught without it."""
        return {witness: tuple(_only_with(witness, self.defects)) for witness in SECOND}

    @property
    def verdict(self) -> Verdict:
        """Failed on a miss or an alarm; else the worst of the clean runs."""
        if not self.defects or any(not defect.caught for defect in self.defects):
            return Verdict.FAILED
        return Verdict.worst(result.verdict for result in self.clean)


def judged(name: str, defect: Any, played: Iterable[Played]) -> DefectResult:
    """Whether the defect was caught for one of the reasons that it names."""
    wanted = frozenset(defect.reasons)
    cells = tuple(played)
    failed = [one for one in cells if one.result.verdict is Verdict.FAILED]
    violated = frozenset[str]().union(*(one.result.invariants_violated for one in failed))
    testified = [
        one.witnesses[reason] for one in failed for reason in one.result.invariants_violated & wanted
    ]
    return DefectResult(
        name=name,
        incident_class=getattr(defect, "incident_class", ""),
        summary=getattr(defect, "summary", ""),
        sources=getattr(defect, "sources", ()),
        by=tuple(one.result.name for one in failed if one.result.invariants_violated & wanted),
        reasons=tuple(sorted(violated & wanted)),
        others=tuple(sorted(violated - wanted)),
        played=tuple(one.result.name for one in cells),
        needs=tuple(one for one in SECOND if testified and all(one in needed for needed in testified)),
        fired={one.result.name: tuple(sorted(one.result.invariants_violated)) for one in cells},
    )


def testifying(invariants: Iterable[Invariant], result: ScenarioVerdict) -> Mapping[str, frozenset[str]]:
    """Who must testify for each invariant that a result says was violated."""
    return {one.name: one.witnesses for one in invariants if one.name in result.invariants_violated}


def _only_with(witness: str, defects: Iterable[DefectResult]) -> Iterable[str]:
    """The incident classes of which every defect needs the witness, or was not caught at all."""
    found = [defect for defect in defects if defect.incident_class]
    for incident_class in sorted({defect.incident_class for defect in found}):
        own = [defect for defect in found if defect.incident_class == incident_class]
        if all(not defect.caught or witness in defect.needs for defect in own):
            yield incident_class
