"""The invariants on the provider's key pass a service that keeps it, and find it wherever it shows."""

from dataclasses import replace

import pytest

from harness.history import LogRecord
from harness.provider.witness import Witness
from harness.reading import marks_in
from harness.registry import INVARIANTS

ANSWERS, LOG = "outcome.provider_key_kept", "logs.provider_key_kept"
KEY = "sk-live.abc/DEF+1=="


def keyed(made, turn):
    """The call of a turn that carried the key, as a history holds it."""
    (mark,) = marks_in(KEY) - marks_in(KEY.strip("="))
    return made.call(turn, headers={"authorization": f"[redacted {mark}]"})


def test_the_mark_is_that_of_the_witness():
    """What the oracle computes of a word is what the provider's witness left of the key in a header."""
    witness = Witness(now=lambda: 0.0)
    headers = {"authorization": f"Bearer {KEY}"}
    witness.begin(level="conversation", request_id="r-1", messages=(), headers=headers)
    (call,) = witness.records()
    assert call.headers["authorization"].removeprefix("[redacted ").removesuffix("]") in marks_in(KEY)


def test_a_kept_key_passes(made, findings):
    """Other words, another key, and a call without a key are no finding."""
    turn = made.turn()
    line = LogRecord(source="app", line=1, text="asked with sk-test.other and [redacted]")
    for call in (keyed(made, turn), made.call(turn)):
        assert findings(ANSWERS, made.history(turn, call, line)) == []
        assert findings(LOG, made.history(turn, call, line)) == []


@pytest.mark.parametrize(
    "text", [f"Bearer {KEY}", f"https://api?key={KEY}&n=1", f'{{"authorization": "{KEY}"}}']
)
def test_a_key_in_the_log_is_found_and_not_repeated(made, text):
    """After a scheme, in an address, in quotes; the evidence is the place."""
    turn = made.turn()
    line = LogRecord(source="stderr", line=7, text=text)
    (finding,) = INVARIANTS.get(LOG)(made.history(turn, keyed(made, turn), line))
    assert KEY not in finding.message + finding.evidence
    assert "stderr log line 7" in finding.evidence


def test_a_key_in_an_answer_is_found(made, findings):
    """In the detail of a problem, and in a header of the answer."""
    turn = made.turn(status=503)
    told = replace(turn, body={"detail": f"401 with Bearer {KEY}"})
    echoed = replace(turn, headers={**turn.headers, "x-upstream-authorization": KEY})
    for exchange in (told, echoed):
        history = made.history(exchange, keyed(made, turn))
        assert findings(ANSWERS, history) == ["the answer holds the provider's key"]
