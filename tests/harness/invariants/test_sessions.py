"""Each invariant on sessions passes a healthy history and fails each way in which it can be broken."""

from dataclasses import replace

import pytest

from harness.history import Outage

TOLD = "sessions.history_preserved"
KEPT = "sessions.acknowledged_turns_kept"
COUNTED = "sessions.turns_counted"
CROSSED = "sessions.answers_not_crossed"


def test_a_history_that_is_told_in_order_passes(made, findings):
    """The provider is told both earlier messages, in order."""
    one, two, three = made.turn(1), made.turn(2), made.turn(3)
    call = made.call(three, told=("message 1", "message 2"))
    assert findings(TOLD, made.history(one, two, three, call)) == []


@pytest.mark.parametrize("told", [(), ("message 2",), ("message 2", "message 1")])
def test_a_history_that_is_lost_or_out_of_order_is_found(made, findings, told):
    """Forgetting all, forgetting the first, and telling them in the wrong order are each found."""
    one, two, three = made.turn(1), made.turn(2), made.turn(3)
    assert len(findings(TOLD, made.history(one, two, three, made.call(three, told=told)))) == 1


def test_two_turns_that_overlapped_may_be_told_in_either_order(made, findings):
    """Nobody knows which of two turns that were under way at once came first; a third one comes after both."""
    one, two = made.turn(1, at_s=1.0, ended_s=3.0), made.turn(2, at_s=2.0, ended_s=2.5)
    three, four = made.turn(3, at_s=4.0, ended_s=4.5), made.turn(4, at_s=5.0, ended_s=5.5)
    for told in (("message 1", "message 2", "message 3"), ("message 2", "message 1", "message 3")):
        assert findings(TOLD, made.history(one, two, three, four, made.call(four, told=told))) == []
    early = made.call(four, told=("message 1", "message 3", "message 2"))
    assert len(findings(TOLD, made.history(one, two, three, four, early))) == 1


def test_a_call_that_comes_late_does_not_owe_its_own_turn(made, findings):
    """Of a turn that was given up, the call may reach the provider after the turn was answered in another way."""
    one, two = made.turn(1), made.turn(2, at_s=5.0, ended_s=6.0)
    late = replace(made.call(two, told=("message 1",)), at_s=6.1, ended_s=6.2)
    assert findings(TOLD, made.history(one, two, late)) == []
    forgotten = replace(late, messages=late.messages[-1:])
    assert len(findings(TOLD, made.history(one, two, forgotten))) == 1


def test_a_contract_may_bound_how_much_is_told(made, findings):
    """Where the last turn alone is promised, the one before it need not be told; the last one must be."""
    one, two, three = made.turn(1), made.turn(2), made.turn(3)
    bounded = made.header(contract=replace(made.header().contract, history_turns_max=1))
    for told, found in ((("message 2",), 0), (("message 1",), 1)):
        history = replace(made.history(one, two, three, made.call(three, told=told)), header=bounded)
        assert len(findings(TOLD, history)) == found


def test_another_sessions_word_is_found(made, findings):
    """A canary of session b in what the provider is told for session a is found."""
    foreign = made.turn(1, session="b", canary="XYZ", message="my word is XYZ", request_id="r-b")
    turn = made.turn(2)
    call = made.call(turn, told=("my word is XYZ",))
    assert findings(TOLD, made.history(foreign, turn, call)) == ["session a was told of session b"]


def test_what_was_acknowledged_is_stored(made, findings):
    """Stored turns that are those acknowledged are no finding."""
    one, two = made.turn(1), made.turn(2)
    assert findings(KEPT, made.history(one, two, made.stored(one, two))) == []


def test_a_lost_acknowledged_turn_is_found(made, findings):
    """A turn that was answered 200 and is not stored is found."""
    one, two = made.turn(1), made.turn(2)
    (message,) = findings(KEPT, made.history(one, two, made.stored(one)))
    assert message.startswith("session a: the acknowledged turn of")


def test_a_changed_a_foreign_and_a_double_turn_are_found(made, findings):
    """Another answer stored, a message never sent, and a number twice are each found."""
    one, two = made.turn(1), made.turn(2)
    other = made.turn(1, body={**one.body, "response": "another"})
    assert len(findings(KEPT, made.history(one, made.stored(other)))) == 1
    assert "session a: stored turn 2 was never sent to it" in findings(
        KEPT, made.history(one, made.stored(one, two))
    )
    stored = made.stored(one, two)
    stored.data["turns"][1]["turn"] = 1
    assert "session a: turns are stored as [1, 1]" in findings(KEPT, made.history(one, two, stored))


@pytest.mark.parametrize("order", [(1, 1, 2), (2, 1), (1, 2, 2)])
def test_a_turn_that_is_stored_twice_or_out_of_order_is_found(made, findings, order):
    """Acknowledged turns are stored once each and in the order of their numbers, whatever numbers they are stored under."""
    turns = {1: made.turn(1), 2: made.turn(2)}
    stored = made.stored(*(turns[number] for number in order))
    assert any(
        "are stored as those of" in said for said in findings(KEPT, made.history(*turns.values(), stored))
    )


def test_without_request_ids_a_call_is_matched_by_what_it_says(made, findings):
    """A service that passes no id on is held to its history all the same: by the message, at the time of the turn."""
    one, two = made.turn(1), made.turn(2)
    told = made.call(two, told=("message 1",), request_id=None)
    forgot = made.call(two, request_id=None)
    assert findings(TOLD, made.history(one, two, told, contract=made.silent)) == []
    assert len(findings(TOLD, made.history(one, two, forgot, contract=made.silent))) == 1


def test_a_session_that_cannot_be_read_is_found(made, findings):
    """A session that answers 404 afterwards is found."""
    one = made.turn(1)
    gone = made.stored(one, status=404, data={"title": "no"})
    assert findings(KEPT, made.history(one, gone)) == ["session a cannot be read: 404"]


def test_two_turns_with_one_number_and_a_session_that_changes_are_found(made, findings):
    """Two acknowledged turns under one number, and answers under two session ids, are found."""
    one, two = made.turn(1), made.turn(2)
    again = made.turn(2, body={**two.body, "turn": 1})
    moved = made.turn(2, session_id="s-other")
    far = made.turn(2, body={**two.body, "turn": 5})
    assert findings(COUNTED, made.history(one, two)) == []
    assert len(findings(COUNTED, made.history(one, again))) == 1
    assert len(findings(COUNTED, made.history(one, moved))) == 1
    assert len(findings(COUNTED, made.history(one, far))) == 1


def test_a_replay_is_no_second_turn(made, findings):
    """The same key again is the same turn, stored once and numbered once."""
    one = made.turn(1, request_headers={"idempotency-key": "k"})
    again = made.turn(2, request_headers={"idempotency-key": "k"}, message=one.message, body=one.body)
    history = made.history(one, again, made.stored(one))
    assert findings(KEPT, history) == []
    assert findings(COUNTED, history) == []


def test_a_turn_that_says_the_same_again_is_no_history_of_itself(made, findings):
    """Two turns with one text: telling it once, as the message of the second, is not telling the first."""
    one, two = made.turn(1, message="again"), made.turn(2, message="again")
    assert findings(TOLD, made.history(one, two, made.call(two, told=("again",)))) == []
    assert len(findings(TOLD, made.history(one, two, made.call(two)))) == 1


def spoken(made, number, session, word, **changes):
    """A turn of a session that says its own word."""
    return made.turn(number, session=session, canary=word, message=f"my word is {word}", **changes)


def test_an_answer_may_repeat_its_own_sessions_words(made, findings):
    """Words of the session's own turns, earlier ones too, may be in its answers."""
    one, two = spoken(made, 1, "a", "AAA"), spoken(made, 2, "b", "BBB", reply="your word is BBB")
    three = made.turn(3, session="a", reply="your word was AAA")
    assert findings(CROSSED, made.history(one, two, three)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"reply": "the word is BBB"},
        {"body": {"response": "x", "trace": ["BBB"]}},
        {"body": [{"event": "chunk", "data": {"text": "BBB"}}]},
        {"body": "BBB"},
    ],
)
def test_another_sessions_word_in_an_answer_is_found(made, findings, changes):
    """A word of session b in the reply, or anywhere in the body of an answer of session a, is found."""
    other, turn = spoken(made, 1, "b", "BBB"), spoken(made, 2, "a", "AAA", **changes)
    assert findings(CROSSED, made.history(other, turn)) == [
        "session a was answered with the word of session b"
    ]


def test_a_word_that_crosses_to_a_request_beside_is_found_where_it_is_known_what_it_says(made, findings):
    """A stranger is not told of others; a broken request may hold the words that it is told again."""
    other = spoken(made, 1, "b", "BBB")
    stranger = made.turn(2, session="beside1", role="beside", reply="BBB")
    assert len(findings(CROSSED, made.history(other, stranger))) == 1
    assert findings(CROSSED, made.history(other, replace(stranger, message=None))) == []


def streamed(made, number, event, **changes):
    """A streamed turn whose last event holds the fields of its answer."""
    plain = made.turn(number, **changes)
    body = [{"event": "chunk", "data": {}}, {"event": event, "data": plain.body}]
    return replace(plain, headers={"content-type": "text/event-stream"}, body=body)


def test_a_stream_is_acknowledged_when_it_is_done(made, findings):
    """A stream that is done must be stored with its response; one that says `error` or broke off need not, but may."""
    one, plain = streamed(made, 1, "done"), made.turn(1)
    assert findings(KEPT, made.history(one, made.stored(plain))) == []
    assert len(findings(KEPT, made.history(one, made.stored()))) == 1
    for lost in (streamed(made, 1, "error"), replace(one, error="ReadError")):
        assert findings(KEPT, made.history(lost, made.stored())) == []
        assert findings(KEPT, made.history(lost, made.stored(plain))) == []


def test_what_was_acknowledged_is_there_after_an_outage(made, findings):
    """A killed process loses no turn that it had acknowledged, and may have stored one that it could not answer any more."""
    outage = Outage(at_s=2.05, ended_s=3.0, fault="process.kill", how="killed")
    one = made.turn(1)
    cut = made.turn(2, status=None, body=None, error="ReadError")
    answered = made.turn(2)
    for stored, found in (((one,), 0), ((one, answered), 0), ((), 1)):
        assert len(findings(KEPT, made.history(one, cut, outage, made.stored(*stored)))) == found


@pytest.mark.parametrize("status", [503, None])
def test_a_turn_may_have_been_held_before_it_was_acknowledged(made, findings, status):
    """The commit of a first attempt may have been uncertain: the answer to the next, under its key, acknowledges that one."""
    key = {"idempotency-key": "k"}
    first = made.turn(1, status=status, body=None, request_headers=key)
    again = made.turn(2, request_headers=key, message=first.message, body=made.turn(1).body)
    stored = made.stored(made.turn(1))
    assert findings(KEPT, made.history(first, again, stored)) == []
    assert len(findings(KEPT, made.history(first, replace(again, request_headers={}), stored))) > 0
    twice = made.stored(made.turn(1), replace(again, body=made.turn(1).body))
    assert any("are stored as those of" in said for said in findings(KEPT, made.history(first, again, twice)))


def test_a_word_that_was_said_in_two_sessions_belongs_to_both(made, findings):
    """The same turn, sent twice without a session, opens two; neither is told of the other."""
    one = spoken(made, 1, "a", "AAA")
    again = replace(one, session="beside1", request_id="r-2", at_s=2.0, ended_s=2.1)
    calls = made.call(one), made.call(again)
    assert findings(TOLD, made.history(one, again, *calls)) == []
    assert findings(CROSSED, made.history(one, replace(again, reply="your word is AAA"))) == []


@pytest.mark.parametrize("at_s", [2.0, 2.35])
def test_what_may_be_stored_unacknowledged_takes_a_place_of_the_last(made, findings, at_s):
    """Of a bounded history a turn whose client left may be one of the last told; where none was lost, all of them are due."""
    one, three = made.turn(1), made.turn(3)
    bounded = made.header(contract=replace(made.header().contract, history_turns_max=1))
    left = made.turn(2, at_s=at_s, ended_s=2.4, status=None, error="left", left=True)
    call = made.call(three, told=("message 2",))
    assert findings(TOLD, replace(made.history(one, left, three, call), header=bounded)) == []
    again = made.turn(2, at_s=2.5, ended_s=2.8, message="message 4", request_id="r-4")
    late = made.history(one, left, again, three, call)
    assert findings(TOLD, replace(late, header=bounded)) == []
    (lost,) = findings(TOLD, replace(made.history(one, three, call), header=bounded))
    assert lost == "turn 2 of session a: 1 earlier messages due, 1 told, not 'message 1'"


def test_who_tells_the_last_only_is_told_how_to_promise_that(made, findings):
    """Two turns due and the last told: the finding names the key; where the first is told, it is simply lost."""
    turns = [made.turn(number) for number in (1, 2, 3)]
    for told, hinted in ((("message 2",), True), (("message 1",), False), ((), False)):
        (message,) = findings(TOLD, made.history(*turns, made.call(turns[-1], told=told)))
        assert ("promise history_turns_max in [contract]" in message) is hinted
