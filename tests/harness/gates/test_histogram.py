"""Many values in few counters: as exact as is said, and no more of them than is said."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gates.histogram import STRETCHES_MAX, WIDTH, Histogram, Stretches

durations = st.floats(min_value=1e-6, max_value=1e5)


def filled(values: list[float]) -> Histogram:
    """The histogram of some values."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@settings(deadline=None)
@given(values=st.lists(durations, min_size=1, max_size=60), share=st.floats(0, 1))
def test_a_quantile_is_exact_to_a_bucket_and_never_too_low(values: list[float], share: float) -> None:
    """The quantile is at most 1 % above the value that has its place, and not below it."""
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    found = filled(values).quantile(share)
    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * (1 + WIDTH) * (1 + 1e-9)


def test_there_is_no_quantile_of_nothing() -> None:
    """Without values there is no quantile, and no place at all."""
    assert Histogram().quantile(0.5) is None
    with pytest.raises(ValueError, match="rank 1 of 0"):
        Histogram().at_rank(1)


def test_what_no_clock_can_mean_is_counted_all_the_same() -> None:
    """Nothing at all and for ever are counted at the ends, so that no value is lost."""
    assert filled([0.0, math.inf, 1.0]).count == 3


@settings(deadline=None)
@given(values=st.lists(durations, max_size=60), cut=st.integers(0, 60))
def test_two_histograms_make_the_one_of_all(values: list[float], cut: int) -> None:
    """Merging is as counting all at once."""
    merged = filled(values[:cut])
    merged.merge(filled(values[cut:]))
    assert merged == filled(values)


@settings(deadline=None)
@given(count=st.integers(0, 5_000))
def test_stretches_stay_few_and_lose_nothing(count: int) -> None:
    """However many values come, there are less than the most stretches, equally long, and together they hold all."""
    stretches = Stretches(size=2)
    for number in range(count):
        stretches.add(1.0 + number)
    assert len(stretches.full) < STRETCHES_MAX
    assert {one.count for one in stretches.full} <= {stretches.size}
    assert stretches.all.count == count


def test_stretches_can_be_made_as_long_as_those_of_another_log() -> None:
    """Stretches of 2 become half as many of 4, in order; what is over is left out."""
    stretches = Stretches(size=2)
    for number in range(10):
        stretches.add(1.0 if number < 4 else 100.0)
    longer = stretches.of_size(4)
    assert [round(one.quantile(0.5) or 0) for one in longer] == [1, 100]
