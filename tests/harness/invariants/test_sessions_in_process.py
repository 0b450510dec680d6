"""Sessions that lie in the memory of a process: what its end may take with it, and what it may not."""

from dataclasses import replace

import pytest

from harness.history import Outage, Probe

TOLD = "sessions.history_preserved"
KEPT = "sessions.acknowledged_turns_kept"
COUNTED = "sessions.turns_counted"
ENDED = Outage(at_s=2.2, ended_s=2.8, fault="process.kill", how="killed", exit_code=-9)


RESTARTED = Probe(
    at_s=2.5, phase="restart", loop_lag_ms_max=0.0, tasks=0, threads=0, descriptors=0, provider_in_flight=0
)


def in_memory(made, *records):
    return made.history(*records, contract=replace(made.header().contract, sessions_outlive=False))


def of_life(made, number, turn, **changes):
    """The turn that is sent as the run's `number`, and that the process counts as its own `turn`."""
    sent = made.turn(number)
    return replace(sent, body={**sent.body, "turn": turn}, **changes)


@pytest.mark.parametrize(
    ("outages", "told", "found"),
    [
        ((ENDED,), ("message 3",), 0),
        ((RESTARTED,), ("message 3",), 0),
        ((ENDED,), (), 1),
        ((), ("message 3",), 1),
        ((replace(ENDED, how="paused"),), ("message 3",), 1),
    ],
)
def test_only_what_the_last_process_was_told_is_due(made, findings, outages, told, found):
    """Turns before its end need not be told after it; those after it must be, and without an end all of them."""
    one, two, three = made.turn(1), made.turn(2), of_life(made, 3, 1)
    four = of_life(made, 4, 2)
    history = in_memory(made, one, two, *outages, three, four, made.call(four, told=told))
    assert len(findings(TOLD, history)) == found
    outliving = made.history(one, two, *outages, three, four, made.call(four, told=told))
    assert len(findings(TOLD, outliving)) == 1


def test_each_that_comes_at_once_may_begin_the_session_anew(made, findings):
    """After the end two turns at once may each be given an id; what was said under one is due under that one alone."""
    three = of_life(made, 3, 1, session_id="s-x")
    four = of_life(made, 4, 1, session_id="s-y", at_s=3.0, ended_s=3.2)
    five = of_life(made, 5, 2, session_id="s-y")
    for told, found in ((("message 4",), 0), (("message 3",), 1)):
        history = in_memory(made, made.turn(1), ENDED, three, four, five, made.call(five, told=told))
        assert len(findings(TOLD, history)) == found
    assert findings(COUNTED, history) == []


def test_numbers_begin_again_with_a_process_and_not_before(made, findings):
    """The numbers of two processes may be the same, under two ids; those of one may not, and turns in between are nobody's."""
    one, two = made.turn(1), made.turn(2)
    between = of_life(made, 2, 1, request_id="r-b", at_s=2.5, ended_s=2.9)
    three, four = of_life(made, 3, 1, session_id="s-new"), of_life(made, 4, 1, session_id="s-new")
    assert findings(COUNTED, in_memory(made, one, two, ENDED, between, three)) == []
    assert len(findings(COUNTED, in_memory(made, one, two, ENDED, three, four))) == 1
    assert len(findings(COUNTED, in_memory(made, one, two, three))) == 2
    assert len(findings(COUNTED, made.history(one, two, ENDED, three))) == 2


def test_what_is_stored_is_what_the_last_process_acknowledged(made, findings):
    """A session that went with its process need not be readable; what was acknowledged since must be there."""
    one, three = made.turn(1), of_life(made, 3, 1)
    gone = made.stored(status=404, data={})
    assert findings(KEPT, in_memory(made, one, ENDED, gone)) == []
    assert len(findings(KEPT, in_memory(made, one, gone))) == 1
    assert len(findings(KEPT, in_memory(made, ENDED, gone))) == 1
    assert len(findings(KEPT, made.history(one, ENDED, gone))) == 1
    assert findings(KEPT, in_memory(made, one, ENDED, three, made.stored(three))) == []
    assert len(findings(KEPT, in_memory(made, one, ENDED, three, gone))) == 1


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (("s-x", "s-x"), 0),
        (("s-x", "s-y"), 1),
        (("s-x", "s-x", "s-y"), 1),
        (("s-x", None), 0),
    ],
)
def test_a_session_that_is_begun_anew_with_each_turn_is_found(made, findings, ids, found):
    """After the end the first answer names the session again; one that forgets its turns by another name each is no session."""
    turns = [
        of_life(made, number, 1 + ids[: number - 3].count(name), session_id=name)
        for number, name in enumerate(ids, start=3)
    ]
    assert len(findings(COUNTED, in_memory(made, made.turn(1), ENDED, *turns))) == found


def test_a_turn_that_is_sent_twice_may_begin_the_session_twice(made, findings):
    """Both are sent under the id that went with the process; the turns behind them go on in one of the two."""
    three = of_life(made, 3, 1, session_id="s-x")
    again = of_life(made, 4, 1, session_id="s-y", message=three.message)
    five = of_life(made, 5, 2, session_id="s-y")
    assert findings(COUNTED, in_memory(made, made.turn(1), ENDED, three, again, five)) == []
    for other in (replace(again, step=1), replace(again, role="golden")):
        assert len(findings(COUNTED, in_memory(made, made.turn(1), ENDED, three, other, five))) == 1


def test_what_a_process_named_while_it_ended_may_be_known_to_the_next_turn(made, findings):
    """A turn in between may have been answered by either process: its id is as good as one that came later."""
    between = of_life(made, 2, 1, request_id="r-b", at_s=2.5, ended_s=2.7, session_id="s-b")
    beside = of_life(made, 2, 1, request_id="r-c", at_s=2.9, ended_s=2.95, session_id="s-c")
    three = of_life(made, 3, 2, session_id="s-b")
    assert findings(COUNTED, in_memory(made, made.turn(1), ENDED, between, beside, three)) == []
    assert len(findings(COUNTED, in_memory(made, made.turn(1), ENDED, beside, three))) == 1
