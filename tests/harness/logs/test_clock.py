"""Times as logs write them become seconds, and only those of one kind are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.logs.clock import Clock, seconds

NOON_S = 1_795_521_600.0
"""2026-11-24T12:00:00Z."""


@pytest.mark.parametrize(
    ("timestamp", "expected_s"),
    [
        ("2026-11-24T12:00:00Z", NOON_S),
        ("2026-11-24T13:00:00.250+01:00", NOON_S + 0.25),
        ("2026-11-24 12:00:00,705", NOON_S + 0.705),
        ("2026-11-24 12:00.01", NOON_S + 1),
        ("2026-11-24 12:00.01.5", None),
        ("12:00:00", 43_200.0),
        ("12:00.01", 43_201.0),
        ("12:00:00.5", 43_200.5),
        ("1795521600.5", NOON_S + 0.5),
        ("1795521600", NOON_S),
        ("1795521600250", NOON_S + 0.25),
        ("20261124", None),
        ("noon", None),
        ("", None),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199.0),
    ],
)
def test_a_time_in_seconds(timestamp, expected_s):
    """Each way to write a time gives its seconds, and what is no time gives none."""
    found_s = seconds(timestamp)
    assert found_s is None if expected_s is None else found_s == pytest.approx(expected_s)


def doubts(*timestamps: str):
    """What a clock says of these times, in lines from 1."""
    clock = Clock()
    for line, timestamp in enumerate(timestamps, start=1):
        clock.note(timestamp, line)
    return clock.doubts()


def test_times_that_go_on_are_no_doubt():
    """Times that go on, disorder below the bound, midnight, and what is no time say nothing."""
    assert doubts("2026-11-24T12:00:04Z", "2026-11-24T12:00:00Z", "2026-11-24T12:00:09Z") == ()
    assert doubts("23:59:59", "00:00:01", "none", "00:00:02") == ()


def test_times_of_different_kinds_are_not_compared():
    """A local time beside one of a zone, one without a day, and a number each have a clock of their own."""
    assert doubts("2026-11-24T12:00:00Z", "2026-11-24 08:00:00", "07:00:00", "1600000000.0") == ()
    kinds = ("2026-11-24T12:00:{}+00:00", "2026-11-24 12:00:{}", "12:00:{}", "17955216{}")
    for kind in kinds:
        assert doubts(kind.format("30"), "noon", kind.format("10")) == (
            "the clock goes back by 20.0 s at line 3",
        )


def test_the_evening_after_the_morning_is_a_way_back():
    """A time without a day that goes back by less than half a day is no midnight."""
    assert doubts("12:00:00", "11:00:00") == ("the clock goes back by 3600.0 s at line 2",)


@given(st.text(st.sampled_from("0123456789-:., TZ+")) | st.text())
def test_no_text_is_too_much_for_the_clock(text):
    """Whatever stands where a time should stand, the clock takes it."""
    assert len(doubts("2026-11-24T12:00:00Z", "12:00:00", text)) <= 1
