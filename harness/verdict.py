"""Verdicts: what a run says, as data. A verdict is a value with an exit code; a violation names its evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

TOO_BUSY = "the machine was too busy to say: "
"""With this a reason begins that says of which invariant nothing could be said."""


class Verdict(StrEnum):
    """What may be said of a scenario, a gate or a whole run."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    UNDECIDED = "undecided"

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 3 invalid, 4 undecided; 2 is kept for usage errors."""
        return _EXIT_CODES[self]

    @staticmethod
    def worst(verdicts: Iterable["Verdict"]) -> "Verdict":
        """The verdict of a whole: failed before invalid before undecided before passed.

        Nothing judged is `invalid`: a run of no scenarios proves nothing.
        """
        present = set(verdicts)
        for verdict in (Verdict.FAILED, Verdict.INVALID, Verdict.UNDECIDED, Verdict.PASSED):
            if verdict in present:
                return verdict
        return Verdict.INVALID


_EXIT_CODES = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.INVALID: 3, Verdict.UNDECIDED: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an invariant yields: what is wrong, and the record that shows it.

    Where it is `doubtful`, the machine was so busy that this may be its doing, and nobody is accused of it.
    """

    message: str
    evidence: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A finding with the invariant that found it and the arm (`faulted` or `control`) in which it did."""

    invariant: str
    message: str
    evidence: str
    arm: str = "faulted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioVerdict:
    """The judgement of one scenario.

    `control` is the verdict of the twin without the fault, or `none` where the scenario has no fault.
    `reasons` says why a verdict is `invalid` or `undecided`. `checked` names the invariants that were judged, `seed`
    is what was drawn from.
    """

    name: str
    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    control: str = "none"
    faults_fired: Mapping[str, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    replay: str = ""
    seed: int = 0

    @property
    def may_be_slow(self) -> bool:
        """Whether the machine may be to blame: undecided, or failed by nothing but what it was too busy to say elsewhere in the run."""
        doubted = {
            reason.removeprefix(TOO_BUSY).partition(":")[0]
            for reason in self.reasons
            if reason.startswith(TOO_BUSY)
        }
        failed = self.verdict is Verdict.FAILED and frozenset() < self.invariants_violated <= doubted
        return failed or self.verdict is Verdict.UNDECIDED

    @property
    def invariants_violated(self) -> frozenset[str]:
        """The names of the invariants that fired, in either arm."""
        return frozenset(violation.invariant for violation in self.violations)
