"""What came of a matrix: which defects were caught, by what, and who had to testify for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history import LOGS, PROVIDER
from harness.matrix.plan import Cell
from harness.registry import Invariant
from harness.verdict import ScenarioVerdict, Verdict

SECOND = (LOGS, PROVIDER)
"""The witnesses that a user may not have: nobody reads the log, or the provider is the real one."""
UNCLEAR = (Verdict.INVALID, Verdict.UNDECIDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One cell and what came of it. `witnesses` are those that each violated invariant needs."""

    cell: Cell
    result: ScenarioVerdict
    witnesses: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One scenario with one defect on: what the run said, and which of the invariants that fired were right reasons.

    `declared` where the scenario says that it catches the defect: it owes that.
    """

    scenario: str
    stage: str
    declared: bool
    right: tuple[str, ...]
    result: ScenarioVerdict

    @property
    def fired(self) -> tuple[str, ...]:
        """The invariants that were violated."""
        return tuple(sorted(self.result.invariants_violated))

    @property
    def others(self) -> tuple[str, ...]:
        """Those of them that the defect does not name."""
        return tuple(name for name in self.fired if name not in self.right)

    @property
    def caught(self) -> bool:
        """True when the run failed for a reason that the defect names."""
        return self.result.verdict is Verdict.FAILED and bool(self.right)

    @property
    def verdict(self) -> Verdict:
        """What the cell proves: passed where caught or nothing was owed, failed where missed, else as unclear as the run."""
        if self.caught:
            return Verdict.PASSED
        if self.result.verdict in UNCLEAR:
            return self.result.verdict
        return Verdict.FAILED if self.declared else Verdict.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectResult:
    """What became of one defect in each of its cells; `wanted` are the reasons that it names.

    `needs` are the witnesses, of the log and the provider's own, without which nothing would have caught it. Where
    nothing is `owed`, no scenario that was asked for declares it, and it may go uncaught.
    """

    name: str
    incident_class: str = ""
    summary: str = ""
    sources: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    cells: tuple[CellResult, ...] = ()
    needs: tuple[str, ...] = ()
    owed: bool = True

    @property
    def by(self) -> tuple[str, ...]:
        """The scenarios that caught it."""
        return tuple(cell.scenario for cell in self.cells if cell.caught)

    @property
    def played(self) -> tuple[str, ...]:
        """The scenarios that it was played with."""
        return tuple(cell.scenario for cell in self.cells)

    @property
    def missed_by(self) -> tuple[str, ...]:
        """The scenarios that declare it, were judged, and did not catch it."""
        return tuple(cell.scenario for cell in self.cells if cell.verdict is Verdict.FAILED)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The right reasons among what made scenarios fail."""
        return tuple(sorted({name for cell in self.cells if cell.caught for name in cell.right}))

    @property
    def others(self) -> tuple[str, ...]:
        """The invariants that made scenarios fail and are no reason that the defect names."""
        failed = [cell for cell in self.cells if cell.result.verdict is Verdict.FAILED]
        return tuple(sorted({name for cell in failed for name in cell.others}))

    @property
    def caught(self) -> bool:
        """True when at least one scenario failed for a reason that the defect names."""
        return bool(self.by)

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells that declare it; where none does, whether anything caught it."""
        if declared := [cell.verdict for cell in self.cells if cell.declared]:
            return Verdict.worst(declared)
        if self.caught or not self.owed:
            return Verdict.PASSED
        unclear = [cell.verdict for cell in self.cells if cell.verdict in UNCLEAR]
        return Verdict.worst(unclear) if unclear else Verdict.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixResult:
    """The whole matrix; `clean` are the scenarios without any defect.

    `stage_of` says in which stage each scenario was played. `elsewhere` are the scenarios that could not be played
    here, `unplayed` the defects that only those declare, and `unknown` those that scenarios of the library declare and
    the target does not have.
    """

    defects: tuple[DefectResult, ...]
    clean: tuple[ScenarioVerdict, ...]
    stage_of: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    unplayed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

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
        """The worst of the defects and of the clean runs; failed where there is no defect to prove anything by."""
        if not self.defects:
            return Verdict.FAILED
        each = [defect.verdict for defect in self.defects]
        return Verdict.worst([*each, *(result.verdict for result in self.clean)])


def judged(name: str, defect: Any, played: Iterable[Played], *, owed: bool = True) -> DefectResult:
    """Whether the defect was caught for one of the reasons that it names, in each of its cells."""
    wanted = frozenset(defect.reasons)
    found = tuple(played)
    testified = [
        one.witnesses[reason]
        for one in found
        if one.result.verdict is Verdict.FAILED
        for reason in one.result.invariants_violated & wanted
    ]
    return DefectResult(
        name=name,
        incident_class=getattr(defect, "incident_class", ""),
        summary=getattr(defect, "summary", ""),
        sources=getattr(defect, "sources", ()),
        wanted=tuple(defect.reasons),
        cells=tuple(
            CellResult(
                scenario=one.cell.scenario.name,
                stage=one.cell.stage,
                declared=name in one.cell.scenario.defects,
                right=tuple(sorted(one.result.invariants_violated & wanted)),
                result=one.result,
            )
            for one in found
        ),
        needs=tuple(one for one in SECOND if testified and all(one in needed for needed in testified)),
        owed=owed,
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
