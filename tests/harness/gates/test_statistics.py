"""The bounds against published figures, against exact enumeration, and against themselves."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gates.statistics import (
    at_most,
    beta_quantile,
    errors_allowed,
    errors_refuting,
    incomplete_beta,
    lower_bound,
    percentile_places,
    requests_needed,
    upper_bound,
)

LIMIT = 0.001
shares = st.floats(min_value=0.001, max_value=0.999)
alphas = st.sampled_from((0.01, 0.05, 0.1))


def chance(errors: int, requests: int, share: float) -> float:
    """The probability of exactly so many errors."""
    return math.comb(requests, errors) * share**errors * (1 - share) ** (requests - errors)


@pytest.mark.parametrize(
    ("alpha", "needed"),
    [(0.05, (2995, 4742, 6294, 7752, 10511, 16959)), (0.01, (4603, 6636, 8403, 10042, 13105, 20140))],
)
def test_requests_needed_are_those_of_the_published_table(alpha: float, needed: tuple[int, ...]) -> None:
    """Proving "below 0.1 %" with 0, 1, 2, 3, 5 and 10 errors takes exactly as many requests as the table says."""
    assert tuple(requests_needed(LIMIT, alpha, errors) for errors in (0, 1, 2, 3, 5, 10)) == needed


@pytest.mark.parametrize(("requests", "errors"), [(500, 3), (1_000, 4), (3_000, 7), (10_000, 16)])
def test_errors_that_fail_are_those_of_the_published_table(requests: int, errors: int) -> None:
    """The fewest errors that prove "above 0.1 %" are those of the table, and the lower bound agrees on both sides."""
    assert errors_refuting(LIMIT, requests) == errors
    assert lower_bound(errors, requests) > LIMIT >= lower_bound(errors - 1, requests)


@pytest.mark.parametrize(("limit", "alpha", "needed"), [
    (0.05, 0.05, 59), (0.01, 0.05, 299), (0.001, 0.05, 2995), (0.05, 0.01, 90), (0.01, 0.01, 459),
])  # fmt: skip
def test_requests_needed_for_percentiles(limit: float, alpha: float, needed: int) -> None:
    """A p95 takes 59 requests, a p99 299 and a p99.9 2,995 at 95 %; 90 and 459 at 99 %."""
    assert requests_needed(limit, alpha) == needed


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.1, math.nan])
def test_a_limit_that_nothing_can_prove_is_refused(limit: float) -> None:
    """A share at or outside 0 and 1 raises instead of searching for ever."""
    with pytest.raises(ValueError, match="more than 0 and less than 1"):
        requests_needed(limit)


def test_the_rule_of_three() -> None:
    """With no error the 95 % bound is about 3/n, and exactly 1 - alpha^(1/n)."""
    assert upper_bound(0, 3_000) == pytest.approx(1 - 0.05 ** (1 / 3_000), rel=1e-12)
    assert upper_bound(0, 3_000) == pytest.approx(3 / 3_000, rel=0.01)


def test_the_ends_prove_nothing_on_their_side() -> None:
    """All errors leave 1 possible, no error leaves 0 possible, and nothing sent leaves both."""
    assert upper_bound(5, 5) == 1
    assert lower_bound(0, 5) == 0
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0, 1)
    assert (incomplete_beta(2, 3, 0), incomplete_beta(2, 3, 1)) == (0, 1)
    assert (at_most(-1, 5, 0.5), at_most(5, 5, 0.5)) == (0, 1)


@settings(deadline=None)
@given(st.integers(1, 60), st.data(), st.fractions(min_value=Fraction(1, 100), max_value=Fraction(99, 100)))
def test_the_binomial_sum_is_exact(requests: int, data: st.DataObject, share: Fraction) -> None:
    """The continued fraction gives the sum of exact fractions, to 13 digits."""
    errors = data.draw(st.integers(0, requests - 1))
    exact = sum(math.comb(requests, x) * share**x * (1 - share) ** (requests - x) for x in range(errors + 1))
    assert at_most(errors, requests, float(share)) == pytest.approx(float(exact), rel=1e-10, abs=1e-13)


@settings(deadline=None)
@given(st.floats(1e-6, 1 - 1e-6), st.integers(1, 500), st.integers(1, 5_000))
def test_the_quantile_is_the_inverse_of_the_distribution(probability: float, a: int, b: int) -> None:
    """The distribution at a quantile is the probability that was asked for."""
    assert incomplete_beta(a, b, beta_quantile(probability, a, b)) == pytest.approx(probability, rel=1e-8)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), shares, alphas)
def test_the_bounds_cover_the_truth(requests: int, share: float, alpha: float) -> None:
    """Over all outcomes, weighted exactly, each one-sided bound misses the true share at most in `alpha` of runs."""
    above = below = 0.0
    for errors in range(requests + 1):
        weight = chance(errors, requests, share)
        above += weight * (upper_bound(errors, requests, alpha) < share)
        below += weight * (lower_bound(errors, requests, alpha) > share)
    assert above <= alpha + 1e-9
    assert below <= alpha + 1e-9


@settings(deadline=None)
@given(st.integers(2, 2_000), st.data(), alphas)
def test_the_bounds_move_with_the_evidence(requests: int, data: st.DataObject, alpha: float) -> None:
    """One more error raises both bounds, one more success lowers the upper one, and they enclose what was seen."""
    errors = data.draw(st.integers(0, requests - 2))
    assert upper_bound(errors, requests, alpha) < upper_bound(errors + 1, requests, alpha)
    assert lower_bound(errors, requests, alpha) < lower_bound(errors + 1, requests, alpha)
    assert upper_bound(errors, requests + 1, alpha) < upper_bound(errors, requests, alpha)
    assert lower_bound(errors, requests, alpha) <= errors / requests <= upper_bound(errors, requests, alpha)


@settings(deadline=None)
@given(st.integers(1, 3_000), st.floats(0.0005, 0.5), alphas)
def test_counts_and_bounds_give_the_same_verdict(requests: int, limit: float, alpha: float) -> None:
    """The most errors allowed and the fewest that refute lie exactly where the bounds cross the limit."""
    allowed = errors_allowed(limit, requests, alpha)
    most = -1 if allowed is None else allowed
    assert most < 0 or upper_bound(most, requests, alpha) < limit * (1 + 1e-9)
    assert upper_bound(most + 1, requests, alpha) >= limit * (1 - 1e-9)
    refuting = errors_refuting(limit, requests, alpha)
    least = requests + 1 if refuting is None else refuting
    assert least > requests or lower_bound(least, requests, alpha) > limit * (1 - 1e-9)
    assert lower_bound(least - 1, requests, alpha) <= limit * (1 + 1e-9)


def test_percentile_bounds_are_order_statistics() -> None:
    """Of 1,000 ascending values, p99 lies between the 985th and the 996th; 298 are too few for an upper bound."""
    assert percentile_places(1_000, 0.99) == (985, 996)
    assert percentile_places(298, 0.99)[1] is None
    assert percentile_places(299, 0.99)[1] == 299
    assert percentile_places(0, 0.99) == (None, None)
