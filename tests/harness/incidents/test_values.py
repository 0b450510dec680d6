"""What is read of long texts: a bounded part of each, and nothing twice."""

import pytest

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents import signature_of
from harness.incidents.values import TEXT_CHARS_MAX, decisive, exception_class, template
from harness.logs import parse

LONG, VERY_LONG = 100_000, 10_000_000
CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")


@pytest.mark.parametrize(
    ("piece", "characters"),
    [("word", VERY_LONG), *((one, LONG) for one in ("a.b-", "no way ", "f00d", '"', "/x", "A"))],
)
def test_a_line_of_megabytes_says_what_its_beginning_says(piece: str, characters: int) -> None:
    """The signature of a line of 10 MB is made of a bounded part of it, so it ends, and has no more in it."""
    text = "broken " + piece * (characters // len(piece))
    traits = signature_of(parse([f"app ERROR {text}"]), CONTRACT).traits
    assert traits
    assert sum(map(len, traits)) < 10 * TEXT_CHARS_MAX
    assert template(text) == template(text[:TEXT_CHARS_MAX])
    assert exception_class(text) == exception_class(text[:TEXT_CHARS_MAX])
    assert list(decisive({"said": text})) == list(decisive({"said": text[:TEXT_CHARS_MAX]}))


def test_a_long_word_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a text has neither an address nor a number, what looks for them begins at no word twice."""
    monkeypatch.setattr("harness.incidents.values.TEXT_CHARS_MAX", 500_000)
    assert template("word" * 50_000 + " " + "word" * 50_000) == " ".join(["word" * 50_000] * 2)


def test_what_varies_is_masked_wherever_it_stands_in_a_word() -> None:
    """Addresses, quotes, ids and every word with a digit: what is left says what kind of message it is."""
    text = "for (ann.b+c@example.org) at x=7, id deadbeef, 'it is' \"so\" v2beta http://a/b GET100"
    assert template(text) == "for (*) at * id *, * * * * *"


@pytest.mark.parametrize(
    ("number", "said"),
    [("Infinity", "infinite"), ("1e999", "infinite"), ("-Infinity", "infinite"), ("NaN", "no number")],
)
def test_a_number_without_an_end_is_told_as_one(number: str, said: str) -> None:
    """Of what JSON allows nobody to write and Python writes all the same there is a trait, and no crash."""
    line = f'{{"event":"api_request_complete","status_code":500,"elapsed":{number}}}'
    assert f"api_request_complete: elapsed={said}" in signature_of(parse([line]), CONTRACT).traits


def test_the_frames_of_a_traceback_are_looked_for_line_by_line() -> None:
    """Empty lines are no part of a frame: a text of nothing else is looked at once."""
    told = "Traceback (most recent call last):\n" + "\n" * 300_000
    told += '  File "a.py", line 3, in turn\nValueError: no'
    record = LogRecord(source="app", line=1, text=told, fields={"exception": told})
    assert "exception ValueError in turn" in signature_of([record], CONTRACT).traits
