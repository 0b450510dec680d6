"""Virtual time: what passes, when, and that every clock shows it."""

from collections.abc import Callable
from typing import Any

import pytest

Played = Callable[..., Any]


@pytest.fixture
def value(played: Played) -> Callable[[str], Any]:
    """What a case of the play returned; it neither failed nor was stopped."""

    def get(name: str) -> Any:
        outcome = played("times")[name]
        assert (outcome["error"], outcome["stopped"]) == (None, None)
        return outcome["value"]

    return get


def test_a_timeout_around_a_short_call_in_a_thread_does_not_fire(value: Callable[[str], Any]) -> None:
    """Ten seconds around 50 ms in a thread pass 50 ms, though another loop has nothing to do for twenty seconds."""
    assert value("timeout_around_a_thread") == pytest.approx([0.05, 20.0])


def test_every_clock_moves_alike(value: Callable[[str], Any]) -> None:
    """All clocks, their twins in ns, aliases, defaults and attributes bound before, and datetime move by 2.5 s."""
    assert set(value("clocks_agree")) == {2.5}


def test_every_run_begins_at_one_instant(value: Callable[[str], Any]) -> None:
    """The wall clock, datetime, log records and struct_time all begin at the epoch; datetimes stay of the real type."""
    assert value("everybody_starts_at_the_epoch") == [0, 0, True, 0, 0, True, [2026, 1, 1, 0, 0, 0], "2026"]


def test_timed_waits_take_their_time(value: Callable[[str], Any]) -> None:
    """Lock, event, semaphore, join, both queues and barrier give up after exactly the time they were given."""
    taken, whole_s = value("timed_waits")
    assert taken == [1.5] * 7
    assert whole_s == 60.0


def test_who_spins_sees_time_pass(value: Callable[[str], Any]) -> None:
    """Spinning on a flag, a clock or a loop ends, for steps at one instant take time in the end."""
    assert value("spinning") >= 0.007


def test_chance_is_of_the_seed(played: Played) -> None:
    """Identifiers, secrets, names of files and generators without a seed repeat with the seed, and differ with it."""
    first, again, other = (outcome["value"] for outcome in played("times", "twice"))
    assert first == again
    # A version 1 identifier tells the time, which is the same.
    assert [pair[0] != pair[1] for pair in zip(first, other, strict=True)] == [
        True,
        False,
        True,
        True,
        True,
        True,
    ]
