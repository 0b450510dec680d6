"""What a gate is and what it says: a verdict with the figure, the bound and the limit that led to it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.verdict import Verdict

ABSENT = "not in this log"
HEADINGS = ("gate", "verdict", "observed", "bound", "limit", "")


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
    endless where a turn that counts failed. `missing` is how many more requests a verdict needs, where it is undecided.
    `evidence` is a line of the log that shows it, where it is not part of the message.
    """

    name: str
    verdict: Verdict
    observed: float | None
    bound: float | None
    limit: float
    unit: Unit
    message: str
    missing: int | None = None
    evidence: str = ""

    def cells(self) -> tuple[str, ...]:
        """The result as cells of text, under `HEADINGS`."""
        figures = (figure(value, self.unit) for value in (self.observed, self.bound, self.limit))
        return (self.name, str(self.verdict), *figures, self.message)

    def to_json(self) -> dict[str, Any]:
        """The result as it stands in `gates[]`; a figure that is endless or unknown is null."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "observed": _finite(self.observed),
            "bound": _finite(self.bound),
            "limit": _finite(self.limit),
            "unit": str(self.unit),
            "message": self.message,
            "missing": self.missing,
            "evidence": self.evidence,
        }


def figure(value: float | None, unit: Unit) -> str:
    """The value with its unit, in at most four digits."""
    if value is None:
        return "-"
    match unit:
        case Unit.SHARE:
            return f"{value * 100:.4g}%"
        case Unit.SECONDS:
            return f"{value:.4g} s" if math.isfinite(value) else "failed"
        case Unit.COUNT:
            return f"{int(value) if float(value).is_integer() else round(value, 3):,}"


def _finite(value: float | None) -> float | None:
    """The value, if JSON can carry it."""
    return value if value is not None and math.isfinite(value) else None


def absent(name: str, limit: float, unit: Unit, why: str = ABSENT) -> GateResult:
    """The result of a gate that nothing was seen of: undecided, and never a pass."""
    return GateResult(
        name=name, verdict=Verdict.UNDECIDED, observed=None, bound=None, limit=limit, unit=unit, message=why
    )


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a load run: the worst in the order invalid, failed, undecided, passed; invalid where empty.

    Validity comes first here: figures that cannot be trusted do not fail a service either.
    """
    present = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED):
        if verdict in present:
            return verdict
    return Verdict.INVALID
