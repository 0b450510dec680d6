"""The invariant on users' texts passes a log without any, and finds one wherever it stands."""

from dataclasses import replace

from harness.history import LogRecord
from harness.registry import INVARIANTS

PRIVATE = "logs.message_text_private"


def test_a_log_without_the_users_words_passes(made, findings):
    """Neither the words of another turn's answer nor a message that carries no canary is a finding."""
    turn, plain = made.turn(1, canary="canary-1", message="I am canary-1"), made.turn(2, message="hello")
    records = made.completion(turn), made.completion(plain), LogRecord(source="app", line=3, text="hello")
    assert findings(PRIVATE, made.history(turn, plain, *records)) == []


def test_a_canary_is_found_in_any_line_of_any_source(made, findings):
    """In a record, in a line that nobody could parse, and in what the server said: each turn once, where it came first."""
    turns = [
        made.turn(number, canary=f"canary-{number}", message=f"I am canary-{number}") for number in (1, 2, 3)
    ]
    lines = (
        LogRecord(source="app", line=1, text='{"event": "asked", "user_input": "I am canary-1"}'),
        LogRecord(source="stderr", line=2, text="ValueError: I am canary-2"),
        LogRecord(source="access", line=3, text='"GET /?q=canary-3 HTTP/1.1" 200'),
        LogRecord(source="app", line=4, text="again canary-1"),
    )
    found = findings(PRIVATE, made.history(*turns, *lines))
    assert [message.split(",")[0].split()[-1] for message in found] == ["canary-1", "canary-2", "canary-3"]


def test_the_finding_does_not_repeat_the_line(made):
    """What is shown as evidence is the place, not the text that should not have been written."""
    turn = made.turn(1, canary="canary-1", message="my secret and canary-1")
    line = LogRecord(source="app", line=7, text="my secret and canary-1", event="asked")
    (finding,) = INVARIANTS.get(PRIVATE)(made.history(turn, line))
    assert finding.evidence == "app log line 7, event asked"


def test_it_is_asked_only_of_who_promises_it(made):
    """A service that logs messages on purpose is not accused: the promise is the contract's."""
    assert INVARIANTS.get(PRIVATE).promises == ("message_text_private",)
    assert not made.header().contract.message_text_private
    assert replace(made.header().contract, message_text_private=True).message_text_private
