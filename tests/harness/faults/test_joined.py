"""Who tries again after a part of an answer was shown does not show the whole behind it."""

import json

import pytest

from harness.faults.holds import never_whole

FAULT = "provider.stream_cut"
TEXT, OTHER = "Good day to you.", "Good day to you, too."


@pytest.mark.parametrize(
    ("reply", "status", "complaints"),
    [
        (f"Good day{OTHER}", 200, 1),
        (f"Good day {OTHER} Bye.", 200, 1),
        (OTHER, 200, 0),
        (f"Note: {OTHER}", 200, 0),
        ("Good day", 503, 0),
    ],
)
def test_a_part_and_then_the_whole_is_found(made, reply, status, complaints):
    """A part of what was cut stands before the answer of the second call; what a service says itself is no such part."""
    turn = made.turn(status=status, reply=reply, canary="WORD", message="about WORD")
    cut = made.call(turn, text=TEXT, fault=FAULT)
    again = made.call(turn, text=OTHER, call=2)
    found = list(never_whole(FAULT)(made.history(turn, cut, again)))
    assert len(found) == complaints


@pytest.mark.parametrize("reply", ["Your order is on its way.", "(Turn 1) Of an order: it is on its way."])
def test_a_word_of_a_structured_answer_is_no_whole_that_stands_behind_a_part(made, reply):
    """The label of an answer in JSON is in its reply too: the reply of the second call, given out as it is, is right."""
    turn = made.turn(reply=reply, canary="WORD", message="about WORD")
    text = json.dumps({"intent": "order", "reply": reply})
    calls = made.call(turn, text=text, fault=FAULT), made.call(turn, text=text, call=2)
    assert list(never_whole(FAULT)(made.history(turn, *calls))) == []
