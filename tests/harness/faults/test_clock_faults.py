"""The faults of the wall clock, on a clock that can be moved."""

import time
from typing import Any

import pytest
from loop_bench import Bench

from harness.errors import UsageError
from harness.faults.clock import ClockJump, ClockStrobe
from harness.registry import stages_of
from harness.variants import variants


@pytest.fixture
def inside() -> Any:
    """An inside without a loop: a clock needs none."""
    loop: Any = None
    return Bench(loop, None)


def test_a_jump_is_there_until_it_is_healed(inside: Any) -> None:
    """The clock is ahead by what the knob says, and right again afterwards; however often it is read, it fired once."""
    with ClockJump(by_s=-5).within(inside):
        assert not inside.noted
        assert [inside.wall(), inside.wall()] == [-5.0, -5.0]
    assert inside.wall() == 0.0
    assert inside.noted == ["the wall clock jumped by -5 s"]


def test_a_clock_that_nobody_reads_did_not_fire(inside: Any) -> None:
    """Being wrong alone is no firing."""
    with ClockJump().within(inside), ClockStrobe().within(inside):
        pass
    assert not inside.noted


def test_a_strobe_swings(inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of each period the clock is ahead, half behind, by the monotonic clock."""
    with ClockStrobe(amplitude_s=60, period_ms=1000).within(inside):
        read = []
        for now in (8.0, 8.25, 8.5, 8.75, 9.0):
            monkeypatch.setattr(time, "monotonic", lambda now=now: now)
            read.append(inside.wall())
        assert read == [60.0, 60.0, -60.0, -60.0, 60.0]
    assert inside.wall() == 0.0
    assert inside.noted == ["the wall clock swings by 60 s every 1000 ms"]


@pytest.mark.parametrize("first", [0, 1])
def test_two_jumps_mend_in_either_order(inside: Any, first: int) -> None:
    """They add up, and each takes only its own with it."""
    both = [ClockJump(by_s=100).within(inside), ClockJump(by_s=-1).within(inside)]
    for one in both:
        one.__enter__()
    assert inside.wall() == 99.0
    both[first].__exit__(None, None, None)
    assert inside.wall() == (-1.0, 100.0)[first]
    both[1 - first].__exit__(None, None, None)
    assert inside.wall() == 0.0


def test_who_reads_the_clock_to_note_the_firing_is_no_trouble(inside: Any) -> None:
    """Noting may itself read the clock, which is wrong by then and notes nothing more."""
    noted: list[float] = []
    inside.fired = lambda _detail: noted.append(inside.wall())
    with ClockJump(by_s=7).within(inside):
        inside.wall()
    assert noted == [7.0]


def test_both_are_played_in_both_stages() -> None:
    """A live process has a wall clock that can be moved, too; and a sweep plays a jump in both directions."""
    assert stages_of(ClockJump()) == stages_of(ClockStrobe()) == ("simulated", "live")
    assert [jump.by_s for jump in variants(ClockJump)] == [3600.0, -3600.0]


@pytest.mark.parametrize(
    ("make", "knob"),
    [
        (lambda: ClockJump(by_s=float("nan")), "by_s"),
        (lambda: ClockStrobe(amplitude_s=0), "amplitude_s"),
        (lambda: ClockStrobe(period_ms=0), "period_ms"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(make: Any, knob: str) -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=f"^{knob}="):
        make()
