"""Each invariant on half turns passes a healthy history and fails each way in which it can be broken."""

from dataclasses import replace

import pytest

STORED = "sessions.turns_whole"
TOLD = "sessions.told_whole"


def said(*texts):
    """Messages as a model is told them: of the user and the assistant in turn; None is not told at all."""
    roles = ("user", "assistant") * len(texts)
    return tuple(
        {"role": role, "content": text} for role, text in zip(roles, texts, strict=False) if text is not None
    )


@pytest.mark.parametrize("part", ["message", "response"])
@pytest.mark.parametrize("text", ["", " ", None])
def test_a_turn_that_is_stored_in_part_is_found(made, findings, part, text):
    """A stored turn without its message or its answer is found, and the same turn with both is not."""
    whole = made.stored(made.turn(1), made.turn(2))
    first, second = whole.data["turns"]
    half = replace(whole, data={"turns": [first, {**second, part: text}]})
    assert findings(STORED, made.history(whole)) == []
    assert findings(STORED, made.history(half)) == [f"session:a: turn 2 is stored without its {part}"]


def test_a_session_that_cannot_be_read_is_no_half_turn(made, findings):
    """Of a snapshot that is none of a session, or could not be read, nothing is said."""
    unread = made.stored(status=503, data=None)
    metrics = made.stored(made.turn(1, message=""), name="metrics")
    assert findings(STORED, made.history(unread, metrics)) == []


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (("say W1", "done", "say W2", None, "say W3"), 1),
        (("say W1", "done", "say W2", "", "say W3"), 1),
        (("say W1", "done", "say W2", "done too", "say W3"), 0),
        (("say W1", "done", "say W3"), 0),
        (("say W1", None, "say W3", "of W1"), 0),
    ],
)
def test_a_turn_that_nobody_was_answered_is_told_with_an_answer(made, findings, told, found):
    """The turn of a client that left is told whole or not at all; one that was answered is not asked after."""
    one = made.turn(1, canary="W1")
    two = made.turn(2, canary="W2", status=None, left=True, body=None)
    three = made.turn(3, canary="W3")
    call = made.call(three, messages=said(*told))
    assert len(findings(TOLD, made.history(one, two, three, call))) == found


def test_a_service_that_tells_no_answers_is_not_asked_for_them(made, findings):
    """Where the model is told nothing but what users said, no turn can be told whole; nor at a level without history."""
    two = made.turn(2, canary="W2", status=None, left=True, body=None)
    three = made.turn(3, canary="W3")
    of_users = made.call(three, messages=said("say W2", None, "say W3"))
    alone = made.call(three, level="structured", messages=said("say W2", None, "say W3", "done"))
    assert findings(TOLD, made.history(two, three, of_users)) == []
    assert findings(TOLD, made.history(two, three, alone)) == []


def test_a_turn_that_was_answered_at_the_second_attempt_was_answered(made, findings):
    """What was sent again and answered then is no turn that nobody was answered."""
    lost = made.turn(2, canary="W2", status=None, left=True, body=None)
    again = made.turn(2, canary="W2", request_id="r-again")
    call = made.call(made.turn(3, canary="W3"), messages=said("say W2", None, "say W3", "done"))
    assert findings(TOLD, made.history(lost, again, call)) == []
