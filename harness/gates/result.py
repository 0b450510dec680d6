"""What a gate is and what it says: a verdict with the figure, the bound and the limit that led to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from harness.gates.observations import Observations
from harness.history import LOGS
from harness.verdict import Verdict


class Unit(StrEnum):
    """What the figures of a gate are: shares of 1, seconds, or counts."""

    SHARE = "share"
    SECONDS = "s"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The judgement of one gate.

    `observed` is the figure seen, `bound` what it proves at the gate's level (the same as `observed` where the gate
    counts and estimates nothing), `limit` what it is held to, all in `unit`. None where there is no such figure, and
    endless where a turn that counts got no answer. `missing` is how many more requests a verdict needs, where it is undecided.
    """

    name: str
    verdict: Verdict
    observed: float | None
    bound: float | None
    limit: float
    unit: Unit
    message: str
    missing: int | None = None


class Gate(Protocol):
    """A criterion as data: a frozen dataclass whose fields are its limits. `witness` is `wire` or `logs`."""

    witness: ClassVar[str]

    @property
    def name(self) -> str:
        """The criterion in words that a report prints: `error_rate < 0.1%`."""

    def judge(self, seen: Observations) -> GateResult:
        """Hold what was seen to the criterion; pure, so the same observations give the same verdict."""


def judge(gates: Sequence[Gate], seen: Observations) -> tuple[tuple[GateResult, ...], tuple[str, ...]]:
    """The results of the gates that can be judged, and the names of those whose witness is missing."""
    unwitnessed = tuple(gate.name for gate in gates if gate.witness == LOGS and seen.log is None)
    return tuple(gate.judge(seen) for gate in gates if gate.name not in unwitnessed), unwitnessed


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a load run: the worst in the order invalid, failed, undecided, passed; invalid where empty.

    Validity comes first here: figures that cannot be trusted do not fail a service either.
    """
    present = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED):
        if verdict in present:
            return verdict
    return Verdict.INVALID
