"""Gates on a share that a run can only estimate: they pass, fail, or say how many requests are missing."""

from harness.gates.result import GateResult, Unit
from harness.gates.statistics import (
    errors_allowed,
    errors_refuting,
    lower_bound,
    requests_needed,
    upper_bound,
)
from harness.verdict import Verdict


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
    return "" if missing is None else f"; {missing:,} more good requests would pass it"
