"""What a load run says: its verdict, every gate with its figures, and why it is invalid where it is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.gates import GateResult, Unit, overall
from harness.verdict import Verdict

SCHEMA = 1
HEADINGS = ("gate", "verdict", "observed", "bound", "limit", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """The result of one load run.

    `reasons` say why the run cannot be trusted: with any of them it is `invalid`, whatever the gates say.
    `unwitnessed` names the gates that nobody could testify to. `users` closed users waited for each answer.
    """

    seed: int
    requests: int
    users: int
    elapsed_s: float
    gates: tuple[GateResult, ...]
    replay: str
    reasons: tuple[str, ...] = ()
    unwitnessed: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst in the order invalid, failed, undecided, passed."""
        untrusted = [Verdict.INVALID] if self.reasons else []
        return overall([*untrusted, *(gate.verdict for gate in self.gates)])

    @property
    def missing(self) -> int:
        """How many more requests an undecided run needs; 0 where the verdict stands."""
        if self.verdict is not Verdict.UNDECIDED:
            return 0
        return max(gate.missing or 0 for gate in self.gates)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The gates as cells of text, under `HEADINGS`."""
        for gate in self.gates:
            figures = (_figure(value, gate.unit) for value in (gate.observed, gate.bound, gate.limit))
            yield (gate.name, str(gate.verdict), *figures, gate.message)

    def to_json(self) -> dict[str, Any]:
        """The document for `--json`; a figure that is endless or unknown is null."""
        return {
            "schema": SCHEMA,
            "kind": "load",
            "verdict": str(self.verdict),
            "seed": self.seed,
            "requests": self.requests,
            "users": self.users,
            "elapsed_s": round(self.elapsed_s, 3),
            "missing": self.missing,
            "reasons": list(self.reasons),
            "unwitnessed": list(self.unwitnessed),
            "gates": [
                {
                    "name": gate.name,
                    "verdict": str(gate.verdict),
                    "observed": _finite(gate.observed),
                    "bound": _finite(gate.bound),
                    "limit": gate.limit,
                    "message": gate.message,
                    "missing": gate.missing,
                }
                for gate in self.gates
            ],
            "replay": self.replay,
        }


def _finite(value: float | None) -> float | None:
    """The value, if JSON can carry it."""
    return value if value is not None and math.isfinite(value) else None


def _figure(value: float | None, unit: Unit) -> str:
    """The value with its unit, in at most four digits."""
    if value is None:
        return "-"
    match unit:
        case Unit.SHARE:
            return f"{value * 100:.4g}%"
        case Unit.SECONDS:
            return f"{value:.4g} s" if math.isfinite(value) else "no answer"
        case Unit.COUNT:
            return f"{value:,}"
