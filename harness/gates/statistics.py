"""Exact binomial bounds in plain Python: what n requests with x errors do and do not prove.

The bounds are those of C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial" (Biometrika 26, 1934), one-sided at level `alpha`. The incomplete beta function is its continued
fraction (NIST Digital Library of Mathematical Functions, 8.17.22), evaluated by the modified Lentz method.
"""

import math
from collections.abc import Callable

_TINY = 1e-300
_STEPS_MAX = 100_000


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), for a, b > 0 and x in 0..1; also the CDF of Beta(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The fraction converges fast only below the mean; above it the mirrored function is the small one.
    if x > (a + 1) / (a + b + 2):
        return 1.0 - math.exp(log_front) * _beta_fraction(b, a, 1 - x) / b
    return math.exp(log_front) * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) without its front factor."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _STEPS_MAX):
        before = value
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + term / c
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(value - before) <= 1e-15 * abs(value):
            break
    return value


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x in 0..1 with I_x(a, b) = probability, to the last float: bisection until no float lies between."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if incomplete_beta(a, b, middle) < probability:
            low = middle
        else:
            high = middle
    return high


def at_most(errors: int, requests: int, share: float) -> float:
    """The probability of `errors` or fewer among `requests` where each fails with probability `share`."""
    if errors < 0:
        return 0.0
    return 1.0 if errors >= requests else incomplete_beta(requests - errors, errors + 1, 1 - share)


def upper_bound(errors: int, requests: int, alpha: float = 0.05) -> float:
    """The largest share that `errors` in `requests` leave possible at level `alpha`; 1 where nothing was sent."""
    if errors >= requests:
        return 1.0
    if errors == 0:
        return -math.expm1(math.log(alpha) / requests)
    return beta_quantile(1 - alpha, errors + 1, requests - errors)


def lower_bound(errors: int, requests: int, alpha: float = 0.05) -> float:
    """The smallest share that `errors` in `requests` leave possible at level `alpha`; 0 where there was no error."""
    return 0.0 if errors == 0 else beta_quantile(alpha, errors, requests - errors + 1)


def requests_needed(limit: float, alpha: float = 0.05, errors: int = 0) -> int:
    """The fewest requests that prove a share below `limit` when `errors` of them fail; `limit` is inside 0..1, ends left out.

    Raises:
        ValueError: no number of requests proves a share below 0, and every one proves a share below 1.
    """
    if not 0 < limit < 1:
        raise ValueError(f"limit={limit}: a share is more than 0 and less than 1")

    def proven(requests: int) -> bool:
        return at_most(errors, requests, limit) < alpha

    enough = errors + 1
    while not proven(enough):
        enough *= 2
    return _first(proven, enough // 2, enough)


def errors_allowed(limit: float, requests: int, alpha: float = 0.05) -> int | None:
    """The most errors in `requests` that still prove a share below `limit`; None where not even 0 does."""
    if at_most(0, requests, limit) >= alpha:
        return None
    return _first(lambda errors: at_most(errors, requests, limit) >= alpha, 0, requests) - 1


def errors_refuting(limit: float, requests: int, alpha: float = 0.05) -> int | None:
    """The fewest errors in `requests` that prove a share above `limit`; None where not even all of them do."""

    def refuted(errors: int) -> bool:
        return 1 - at_most(errors - 1, requests, limit) < alpha

    return _first(refuted, 0, requests) if refuted(requests) else None


def percentile_places(count: int, share: float, alpha: float = 0.05) -> tuple[int | None, int | None]:
    """Which of `count` values, in ascending order and from 1, bound the `share` quantile of what they were drawn from.

    Each bound is one-sided, at level `alpha`: order statistics, so nothing is assumed of the distribution. None where there
    are too few values.
    """
    allowed, refuting = errors_allowed(1 - share, count, alpha), errors_refuting(1 - share, count, alpha)
    return (
        None if refuting is None else count - refuting + 1,
        None if allowed is None else count - allowed,
    )


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest integer in low..high for which `holds`, which is true from some point on and at `high`."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high
