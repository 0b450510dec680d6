"""Times of a log: one line of seconds, and its two halves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gates.timeline import SLOTS_MAX, Clock, Timeline


def test_a_time_without_a_day_goes_on_after_midnight() -> None:
    """Where a time of day jumps back by most of a day it is of the next day; a small step back is none."""
    clock = Clock()
    times = [clock.read(text) for text in ("23:59:58", "23:59:59", "23:59:58", "00:00:01", "00:00:03")]
    assert times == [86_398.0, 86_399.0, 86_398.0, 86_401.0, 86_403.0]


def test_lines_around_midnight_come_in_any_order() -> None:
    """A late line of the day before does not begin another day, however often that happens."""
    clock = Clock()
    times = [clock.read(text) for text in ("23:59:59.9", "00:00:00.1", "23:59:59.95", "00:00:00.2")]
    assert times == [86_399.9, 86_400.1, 86_399.95, 86_400.2]


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "inf"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    """A record without a readable time has none."""
    assert Clock().read(text) is None


def test_the_halves_have_the_same_number_of_turns() -> None:
    """The middle is where half of the turns have passed, not half of the time; rates are by the time of each half."""
    timeline = Timeline(slot_s=1.0)
    for at_s in (0, 1, 2, 3, 60, 61):
        timeline.add("turn", at_s)
    timeline.add("classified", 61)
    halves = timeline.halves("turn")
    assert halves is not None
    before, after = halves
    assert (before.counted["turn"], after.counted["turn"]) == (3, 3)
    assert (before.elapsed_s, after.elapsed_s) == (3.0, 59.0)
    assert after.per_minute("classified") == pytest.approx(60 / 59)


def test_one_stray_time_does_not_leave_all_in_one_half() -> None:
    """A line that claims to be of 1970 is one of many, and the halves are as they would be."""
    timeline = Timeline()
    timeline.add("turn", 1.7e9)
    timeline.add("turn", 0.0)
    for number in range(20):
        timeline.add("turn", 1.7e9 + number)
    halves = timeline.halves("turn")
    assert halves is not None
    assert [half.counted["turn"] for half in halves] == [11, 11]


def test_what_is_of_one_moment_has_no_halves() -> None:
    """Without turns, and where all are in one slot, there is nothing to compare."""
    timeline = Timeline()
    assert timeline.halves("turn") is None
    timeline.add("turn", 5.0)
    timeline.add("turn", 5.0)
    assert timeline.halves("turn") is None


@settings(deadline=None)
@given(times=st.lists(st.floats(-1e6, 1e9), max_size=3 * SLOTS_MAX))
def test_slots_stay_few_and_lose_nothing(times: list[float]) -> None:
    """However many times there are, there are no more slots than the most, and each time is counted."""
    timeline = Timeline()
    for at_s in times:
        timeline.add("turn", at_s)
    assert len(timeline.slots) <= SLOTS_MAX
    assert sum(counted["turn"] for counted in timeline.slots.values()) == len(times)
