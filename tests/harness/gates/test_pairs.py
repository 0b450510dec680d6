"""Turns and their events, matched by request id in any order, in memory that does not grow with the log."""

import pytest

from harness.gates import pairs as module
from harness.gates.pairs import PAIRED, Pairs
from harness.gates.timeline import Timeline


@pytest.fixture
def pairs() -> Pairs:
    """No pair yet."""
    return Pairs(timeline=Timeline())


def figures(pairs: Pairs) -> tuple[int, int, bool]:
    """How many turns have an event, how many of these were answered, and whether that is exact."""
    return pairs.found, pairs.answered, pairs.exact


def test_either_half_may_come_first(pairs: Pairs) -> None:
    """An event before its turn and one after it are both matched, each at the time of the turn."""
    pairs.event("a")
    pairs.turn("a", 1.0, settled=True)
    pairs.turn("b", 2.0, settled=True)
    pairs.turn("c", 3.0, settled=True)
    pairs.event("b")
    assert figures(pairs) == (2, 2, True)
    assert sum(slot[PAIRED] for slot in pairs.timeline.slots.values()) == 2


def test_the_second_event_of_a_turn_counts_for_nothing(pairs: Pairs) -> None:
    """Two events of one turn, before it or around it, are one pair, and no other turn has any of them."""
    for request_id in ("a", "a"):
        pairs.event(request_id)
    pairs.turn("a", None, settled=True)
    pairs.turn("b", None, settled=True)
    pairs.event("b")
    pairs.event("b")
    pairs.turn("c", None, settled=True)
    assert figures(pairs) == (2, 2, True)


def test_a_turn_that_failed_takes_no_event_from_the_one_that_is_tried_again(pairs: Pairs) -> None:
    """The same id again after a failure: the event that comes then is that of the answered turn."""
    pairs.turn("a", None, settled=False)
    pairs.event("a")
    assert figures(pairs) == (0, 0, True)
    pairs.turn("a", None, settled=True)
    assert figures(pairs) == (1, 1, True)
    pairs.event("b")
    pairs.turn("b", None, settled=False)
    assert figures(pairs) == (2, 1, True)


@pytest.mark.parametrize("half", ["turn", "event"])
def test_one_record_without_an_id_leaves_only_totals(pairs: Pairs, half: str) -> None:
    """Where one half has no id, or no turn was seen, nothing is exact."""
    assert not pairs.exact
    pairs.event("a")
    pairs.turn("a", None, settled=True)
    if half == "turn":
        pairs.turn(None, None, settled=True)
    else:
        pairs.event(None)
    assert figures(pairs) == (1, 1, False)


def test_what_waits_is_bounded(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more events, or turns, than may wait the oldest is given up, and the pairs are no longer called exact."""
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    for number in range(3):
        pairs.turn(f"turn{number}", None, settled=True)
        pairs.event(f"event{number}")
    assert pairs.exact
    pairs.event("event3")
    assert (list(pairs.events), pairs.exact) == (["event1", "event2", "event3"], False)
    pairs.turn("turn3", None, settled=True)
    assert (list(pairs.turns), pairs.lost) == (["turn1", "turn2", "turn3"], 2)
