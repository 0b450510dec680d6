"""Durations: counted exactly at the limits, nearly everywhere else, and the same however they were shared out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gates.durations import Durations, bucket_of, middle_us

VALUES = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)
LIMITS = (1, 250_000, 2_000_000)


def durations(values: list[int]) -> Durations:
    """All of them in one batch."""
    counted = Durations()
    counted.add(values, LIMITS)
    return counted


@given(VALUES, st.floats(0.001, 1.0))
def test_a_quantile_is_near_and_a_limit_exact(values: list[int], share: float) -> None:
    """Within 0.4 % of the value at that rank, and as many at or over a limit as there are."""
    counted = durations(values)
    ordered = sorted(values)
    found = counted.quantile_us(share)
    assert found is not None
    rank = next(rank for rank in range(1, len(ordered) + 1) if rank >= share * len(ordered) - 1e-9)
    assert found == pytest.approx(ordered[rank - 1], rel=0.004, abs=0.5)
    assert counted.reached == {limit: sum(value >= limit for value in values) for limit in LIMITS}
    assert (counted.count, counted.sum_us, counted.most_us) == (len(values), sum(values), max(values))


@given(VALUES, VALUES)
def test_two_that_are_merged_are_one(first: list[int], second: list[int]) -> None:
    """What two generators counted is what one would have, and is the same text."""
    merged = durations(first)
    merged.merge(durations(second))
    assert merged == durations([*first, *second])
    assert merged.packed() == durations([*second, *first]).packed()
    assert Durations.unpacked(merged.packed()) == merged


@given(st.integers(0, 2**60))
def test_the_middle_of_a_bucket_stands_for_all_of_it(value: int) -> None:
    """It is within 0.4 %, or half a microsecond, of whatever is counted there; larger values are in later buckets."""
    assert middle_us(bucket_of(value)) == pytest.approx(value, rel=0.004, abs=0.5)
    assert bucket_of(value) <= bucket_of(value + 1)


def test_a_limit_that_only_one_of_two_knows_is_unknown_to_both() -> None:
    """Nobody counted the others at it: a gate must not take that for none."""
    first, second = Durations(), Durations()
    first.add([1, 5], (3,))
    second.add([4], ())
    first.merge(second)
    assert (first.reached, first.count) == ({}, 3)


def test_there_is_no_rank_beyond_the_values() -> None:
    """Nor a quantile of nothing."""
    with pytest.raises(ValueError, match="rank 2 of 1: there is no such value"):
        durations([1]).at_rank_us(2)
    assert Durations().quantile_us(0.5) is None
