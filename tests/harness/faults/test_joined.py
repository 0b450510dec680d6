"""Who tries again after a part of an answer was shown does not show the whole behind it."""

import json
import random
from typing import Any

import pytest

from harness.faults import ProviderStreamCut
from harness.faults.base import ONCE
from harness.faults.holds import never_whole
from harness.provider import Script, Witness
from harness.rig import Call, Rig

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


async def test_the_first_stream_is_the_first_that_a_window_counts():
    """A call that asks for no stream, and comes first, is none that could be cut: the one behind it is."""
    fired: list[str] = []
    script = Script(
        witness=Witness(now=lambda: 0.0),
        fired=lambda fault, what: fired.append(what),
        random=random.Random(1),
    )
    seams: Any = {"provider": script, "network": None, "clock": None}
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}

    async def asked(ordinal: int, *, stream: bool) -> None:
        called = Call(
            ordinal=ordinal, level="conversation", request_id="r", headers={}, body={**body, "stream": stream}
        )
        await script.answer(called)

    async with ProviderStreamCut(window=ONCE).inject(Rig(**seams)):
        await asked(1, stream=False)
        await asked(2, stream=True)
        await asked(3, stream=True)
    assert [what.split()[2] for what in fired] == ["2"]
