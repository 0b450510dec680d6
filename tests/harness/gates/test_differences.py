"""The exact tests against published tables, against enumeration in whole numbers, and against themselves."""

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gates.differences import events_by_turn, fisher_exact, holm, poisson_rates, rank_sum

ALPHA = 0.05
LEVEL_TRIALS = 400


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Hits and trials, twice."""
    trials, others = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    return draw(st.integers(0, trials)), trials, draw(st.integers(0, others)), others


def enumerated(hits: int, trials: int, other_hits: int, other_trials: int) -> float:
    """The p-value of Fisher's test by all tables with the same margins, in fractions."""
    together = hits + other_hits
    ways = {
        k: math.comb(trials, k) * math.comb(other_trials, together - k)
        for k in range(max(0, together - other_trials), min(trials, together) + 1)
    }
    return float(Fraction(sum(way for way in ways.values() if way <= ways[hits]), sum(ways.values())))


@pytest.mark.parametrize(("table", "p_value"), [
    ((3, 4, 1, 4), 0.485714285714),     # Fisher, The Design of Experiments (1935): the lady tasting tea, 34 of 70
    ((10, 13, 2, 17), 0.000536725),     # Fisher (1935), convicted twins of criminals, two-sided
    ((0, 3, 3, 3), 0.1),
    ((5, 5, 0, 5), 0.007936507936),     # 2 of 252
    ((0, 10, 0, 20), 1.0),
])  # fmt: skip
def test_fisher_gives_the_values_of_known_tables(table: tuple[int, int, int, int], p_value: float) -> None:
    """The p-values of tables that are printed in books come out."""
    assert fisher_exact(*table) == pytest.approx(p_value, rel=1e-5)


@settings(deadline=None)
@given(table=tables())
def test_fisher_is_the_enumeration(table: tuple[int, int, int, int]) -> None:
    """The p-value of any small table is the sum over all tables with its margins that are no more probable."""
    assert fisher_exact(*table) == pytest.approx(enumerated(*table), rel=1e-6)


@settings(deadline=None)
@given(table=tables())
def test_fisher_does_not_care_which_log_comes_first(table: tuple[int, int, int, int]) -> None:
    """Before and after may change places, and so may hits and misses."""
    hits, trials, other_hits, others = table
    p_value = pytest.approx(fisher_exact(*table))
    assert fisher_exact(other_hits, others, hits, trials) == p_value
    assert fisher_exact(trials - hits, trials, others - other_hits, others) == p_value


@settings(deadline=None)
@given(
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    exposures=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_rates_are_compared_by_the_binomial_of_their_sum(
    counts: tuple[int, int], exposures: tuple[int, int]
) -> None:
    """The p-value of two rates is that of their sum's division, enumerated in fractions."""
    both, share = sum(counts), Fraction(exposures[0], sum(exposures))
    chances = [math.comb(both, k) * share**k * (1 - share) ** (both - k) for k in range(both + 1)]
    wanted = sum(chance for chance in chances if chance <= chances[counts[0]])
    assert poisson_rates(counts[0], exposures[0], counts[1], exposures[1]) == pytest.approx(
        float(wanted), rel=1e-6
    )


def test_events_are_a_share_of_turns_until_there_are_more_of_them() -> None:
    """990 then 900 of 1,000 turns is a share, far surer than a rate; where either has more events than turns it is a rate."""
    assert events_by_turn(900, 1_000, 990, 1_000) == fisher_exact(900, 1_000, 990, 1_000) < 1e-15
    assert poisson_rates(900, 1_000, 990, 1_000) > 0.01
    for events, other_events in ((1_001, 900), (900, 1_001)):
        rates = poisson_rates(events, 1_000, other_events, 1_000)
        assert events_by_turn(events, 1_000, other_events, 1_000) == rates


def test_what_is_far_off_is_as_good_as_impossible() -> None:
    """A difference beyond the range of a float has the p-value 0, and none at all has 1, at a million trials, too."""
    assert fisher_exact(900_000, 1_000_000, 100_000, 1_000_000) == 0.0
    assert fisher_exact(5_000, 1_000_000, 5_000, 1_000_000) == pytest.approx(1.0)
    assert poisson_rates(0, 1.0, 100_000, 1.0) == 0.0


@pytest.mark.parametrize("table", [(2, 1, 0, 1), (0, 1, 2, 1), (-1, 1, 0, 1)])
def test_hits_that_are_not_among_the_trials_are_refused(table: tuple[int, int, int, int]) -> None:
    """A table that cannot be raises."""
    with pytest.raises(ValueError, match="hits are among the trials"):
        fisher_exact(*table)


@pytest.mark.parametrize("rates", [(1, 0.0, 1, 1.0), (1, 1.0, 1, -1.0), (-1, 1.0, 1, 1.0)])
def test_a_rate_without_exposure_is_refused(rates: tuple[int, float, int, float]) -> None:
    """A rate that cannot be raises."""
    with pytest.raises(ValueError, match="a rate has an exposure"):
        poisson_rates(*rates)


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    """The adjusted values are those worked out by hand: times 4, 3, 2, 1, each no less than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.5, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


@settings(deadline=None)
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_makes_nothing_surer(p_values: list[float]) -> None:
    """No value becomes smaller, none more than 1, and who was first stays first."""
    adjusted = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert sorted(adjusted) == [adjusted[index] for index in order]


def test_ranks_tell_two_samples_apart() -> None:
    """Samples that do not overlap get the least p-value there is, equal ones 1, and too few can never be told apart."""
    assert rank_sum([3.0] * 20, [1.0] * 20) == pytest.approx(1 / 10_000)
    assert rank_sum([1.0] * 20, [1.0] * 20) == 1.0
    assert rank_sum([2.0, 2.1], [1.0, 1.1]) == pytest.approx(1 / 3, abs=0.02)
    assert rank_sum([], [1.0]) == 1.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_ranks_give_the_same_value_again(seed: int) -> None:
    """The same samples give the same p-value, and it does not matter which comes first."""
    random = Random(seed)
    values, others = [random.random() for _ in range(6)], [random.random() for _ in range(9)]
    assert (
        rank_sum(values, others, draws=99)
        == rank_sum(values, others, draws=99)
        == rank_sum(others, values, draws=99)
    )


def test_equal_services_are_found_to_differ_no_more_often_than_the_level_says() -> None:
    """Of 400 pairs of logs of one service, each exact test and the ranks find at most 5 % and chance to differ at 5 %."""
    random, found = Random(7), [0, 0, 0]
    for _ in range(LEVEL_TRIALS):
        hits = [sum(random.random() < 0.1 for _ in range(200)) for _ in range(2)]
        found[0] += fisher_exact(hits[0], 200, hits[1], 200) < ALPHA
        found[1] += poisson_rates(hits[0], 200, hits[1], 200) < ALPHA
        samples = [[random.lognormvariate(0, 1) for _ in range(10)] for _ in range(2)]
        found[2] += rank_sum(samples[0], samples[1], draws=199) < ALPHA
    chance = 3 * math.sqrt(LEVEL_TRIALS * ALPHA * (1 - ALPHA))
    assert all(count <= LEVEL_TRIALS * ALPHA + chance for count in found)
