"""Gates on a share that a run can only estimate: they pass, fail, or say how many requests are missing."""

import math
from dataclasses import dataclass
from typing import ClassVar

from harness.gates.observations import Observations
from harness.gates.result import GateResult, Unit
from harness.gates.statistics import (
    errors_allowed,
    errors_refuting,
    lower_bound,
    percentile_bounds,
    requests_needed,
    upper_bound,
)
from harness.history import WIRE
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """The share of turns that got no answer of the 200s is below `limit`, proven at level `alpha`.

    A turn that was shed is an error too: its user has no answer.
    """

    witness: ClassVar[str] = WIRE
    limit: float = 0.001
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`error_rate < 0.1%`."""
        return f"error_rate < {self.limit * 100:g}%"

    def judge(self, seen: Observations) -> GateResult:
        """Exact one-sided bounds on the share."""
        failed = [turn for turn in seen.turns if not turn.succeeded]
        errors, requests = len(failed), len(seen.turns)
        told = f"; the first: {failed[0]}" if failed else ""
        return share_below(self.name, (errors, requests), self.limit, self.alpha, told)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPercentile:
    """The `share` quantile of the latency, in seconds, is below `limit_s`, proven at level `alpha`.

    It is the binomial gate on the turns at or over the limit, so no distribution is assumed. A turn that got no answer
    of the 200s counts as over, however fast it failed. The bounds are order statistics and give the same verdict.
    """

    witness: ClassVar[str] = WIRE
    limit_s: float = 2.0
    share: float = 0.99
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`latency p99 < 2 s`."""
        return f"latency p{self.share * 100:g} < {self.limit_s:g} s"

    def judge(self, seen: Observations) -> GateResult:
        """Count the turns over the limit; show the quantile with its bound."""
        latencies_s = sorted(turn.elapsed_s if turn.succeeded else math.inf for turn in seen.turns)
        over, requests = sum(value >= self.limit_s for value in latencies_s), len(latencies_s)
        verdict, missing = decided(over, requests, 1 - self.share, self.alpha)
        lower, upper = percentile_bounds(latencies_s, self.share, self.alpha)
        return GateResult(
            name=self.name,
            verdict=verdict,
            observed=latencies_s[math.ceil(self.share * requests) - 1] if requests else None,
            bound=lower if verdict is Verdict.FAILED else upper,
            limit=self.limit_s,
            unit=Unit.SECONDS,
            message=f"{over} of {requests:,} requests failed or took {self.limit_s:g} s or more"
            + more(missing),
            missing=missing,
        )


def share_below(name: str, of: tuple[int, int], limit: float, alpha: float, told: str = "") -> GateResult:
    """The gate on so many errors of so many requests, with exact one-sided bounds on their share."""
    errors, requests = of
    verdict, missing = decided(errors, requests, limit, alpha)
    failed = verdict is Verdict.FAILED
    bound = (lower_bound if failed else upper_bound)(errors, requests, alpha)
    message = (
        f"{errors:,} errors in {requests:,} requests: {'more' if failed else 'less'} than {bound:.4%} at "
    )
    return GateResult(
        name=name,
        verdict=verdict,
        observed=errors / requests if requests else None,
        bound=bound,
        limit=limit,
        unit=Unit.SHARE,
        message=f"{message}{1 - alpha:.0%}{told}{more(missing)}",
        missing=missing,
    )


def decided(errors: int, requests: int, limit: float, alpha: float) -> tuple[Verdict, int | None]:
    """What `errors` in `requests` prove of a share and its limit, and how many more requests are missing."""
    allowed, refuting = errors_allowed(limit, requests, alpha), errors_refuting(limit, requests, alpha)
    if allowed is not None and errors <= allowed:
        return Verdict.PASSED, None
    if refuting is not None and errors >= refuting:
        return Verdict.FAILED, None
    return Verdict.UNDECIDED, requests_needed(limit, alpha, errors) - requests


def more(missing: int | None) -> str:
    """How far the evidence is from a pass."""
    return "" if missing is None else f"; {missing:,} more requests without another are missing"
