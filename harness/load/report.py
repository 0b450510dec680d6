"""What a load run says: its verdict, every gate with its figures, and why it is invalid where it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.gates import GateResult, overall
from harness.gates.criterion import Scope
from harness.gates.durations import Durations
from harness.load.frames import Run
from harness.verdict import Verdict

SCHEMA = 1
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """The result of one load run.

    `reasons` say why the run cannot be trusted: with any of them it is `invalid`, whatever the gates say.
    `unwitnessed` names the gates on the log where the user has left it out, `notes` are what else is to be known. `model` says how
    requests were made, in words; `fired` counts what each fault did. `run` is all that was counted, `baseline` the same of the
    run that it was compared with.
    """

    seed: int
    model: str
    gates: tuple[GateResult, ...]
    replay: str
    run: Run = field(default_factory=Run)
    reasons: tuple[str, ...] = ()
    unwitnessed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fired: Mapping[str, int] = field(default_factory=dict)
    baseline: Run | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst in the order invalid, failed, undecided, passed."""
        untrusted = [Verdict.INVALID] if self.reasons else []
        return overall([*untrusted, *(gate.verdict for gate in self.gates)])

    @property
    def requests(self) -> int:
        """How many requests were counted."""
        return self.run.requests

    @property
    def elapsed_s(self) -> float:
        """How long the run was, until its last answer."""
        return max(self.run.elapsed_s, self.run.cells.within(Scope()).last_us / 1e6)

    @property
    def missing(self) -> int:
        """How many more requests an undecided run needs; 0 where the verdict stands."""
        if self.verdict is not Verdict.UNDECIDED:
            return 0
        return max((gate.missing or 0 for gate in self.gates), default=0)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The gates as cells of text, under `HEADINGS`."""
        return (gate.cells() for gate in self.gates)

    def percentiles(self) -> Iterator[tuple[float, float, float]]:
        """Quantile, latency and service time in seconds, of all requests that were answered with a 200."""
        whole = self.run.cells.within(Scope())
        for quantile in QUANTILES:
            if (latency_us := whole.latency.quantile_us(quantile)) is not None:
                service_us = whole.service.quantile_us(quantile) or 0.0
                yield quantile, latency_us / 1e6, service_us / 1e6

    def to_json(self) -> dict[str, Any]:
        """The document for `--json`; a figure that is endless or unknown is null."""
        whole = self.run.cells.within(Scope())
        return {
            "schema": SCHEMA,
            "kind": "load",
            "verdict": str(self.verdict),
            "seed": self.seed,
            "model": self.model,
            "requests": self.requests,
            "elapsed_s": round(self.elapsed_s, 3),
            "missing": self.missing,
            "reasons": list(self.reasons),
            "unwitnessed": list(self.unwitnessed),
            "notes": list(self.notes),
            "gates": [gate.to_json() for gate in self.gates],
            "statuses": {str(status): count for status, count in sorted(whole.statuses.items())},
            "percentiles": [
                {"quantile": quantile, "latency_s": round(latency_s, 6), "service_s": round(service_s, 6)}
                for quantile, latency_s, service_s in self.percentiles()
            ],
            "drift_p99_s": _seconds(drift(self.run).quantile_us(0.99)),
            "faults_fired": dict(sorted(self.fired.items())),
            "replay": self.replay,
        }


def drift(run: Run) -> Durations:
    """How late requests were sent, over all generators."""
    whole = Durations()
    for worker in sorted(run.parts):
        for part in run.parts[worker]:
            whole.merge(part.drift)
    return whole


def _seconds(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us / 1e6, 6)
