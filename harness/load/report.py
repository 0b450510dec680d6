"""What a load run says: its verdict, every gate with its figures, and why it is invalid where it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.gates import GateResult, overall
from harness.verdict import Verdict

SCHEMA = 1


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
        return (gate.cells() for gate in self.gates)

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
            "gates": [gate.to_json() for gate in self.gates],
            "replay": self.replay,
        }
