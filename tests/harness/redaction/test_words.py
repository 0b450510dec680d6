"""Of somebody's log only words are shown that its service is known to write."""

import json
from string import ascii_letters

import pytest

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents.shown import Shown
from harness.logs import parse
from harness.redaction import Redactor, Rules, Words


def shown_by(*runs: str, log: str = "") -> Redactor:
    """What shows the words of these lines of runs, and the names in one line of a log."""
    words = Words()
    for record in parse(runs):
        words.say(record)
    for record in parse([log]) if log else ():
        words.name(record)
    return Redactor().only(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bad message I have the flu", "bad message [redacted:text-1]"),
        ("ValueError: I have it 12 times since 1999", "[redacted:text-1] it 12 times [redacted:text-2]"),
        (
            '{"user_text": "x", "detail": "my dog is ill"}',
            '{"[redacted:text-1]": "[redacted:message-1]", "[redacted:text-2]": "[redacted:text-3]"}',
        ),
        ("bad 4711 mine", "bad [redacted:text-1]"),
        ("mine=12 mine=13", "[redacted:text-1]=12 [redacted:text-1]=13"),
        ("bad 12.5 of 2026-11-28T10:00:01.5Z", "bad 12.5 [redacted:text-1]"),
        ("\u75db\u307f and \U0001f912", "[redacted:text-1] and \U0001f912"),
        ("bad [redacted:message-7] bad", "bad [redacted:message-7] bad"),
        ("", ""),
    ],
)
def test_words_that_no_run_wrote_are_hidden_with_the_numbers_beside_them(text: str, expected: str) -> None:
    """Whatever stands before it, a word that is not known becomes a mark, one for words in a row, and the rest stays."""
    assert shown_by("app WARNING bad message").text(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-28T10:00:01Z [warning  ] pay_declined [shop.pay] request_id=a81b-x session_id=bob9 some_key=12",
        '{"event": "pay_declined", "level": "error", "trace_id": "zz-1", "held": {"inner_key": 3}}',
        'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line 3, in declined\nshop.PayError',
        'INFO:     127.0.0.1:0 - "GET /pay/declined HTTP/1.1" 503 Service Unavailable',
    ],
)
def test_the_names_of_things_are_shown_by_their_place(line: str) -> None:
    """Keys, ids, levels, loggers, times, events of one word, classes, functions and paths of a log are no person's text."""
    (record,) = parse(line.splitlines())
    words = Words()
    words.name(record)
    assert Redactor().only(words).text(record.text) == record.text


def test_words_that_json_escapes_in_a_line_are_known_as_the_field_has_them() -> None:
    """The class and the function of a traceback within JSON are names, and its words are those of the run that wrote it."""
    traceback = (
        'Traceback (most recent call last):\n  File "/a.py", line 3, in turned\nCommitError: the disk is full'
    )
    line = json.dumps({"event": "failed", "exception": traceback})
    assert shown_by(log=line).text("exception CommitError in turned: the disk") == (
        "exception CommitError in turned: [redacted:text-1]"
    )
    assert shown_by(line).text("CommitError: the disk is full") == "CommitError: the disk is full"


def test_evidence_is_shown_with_the_names_of_its_own_line() -> None:
    """A line that is told with its number is read for its names, which no one else has to know."""
    told = "line 12: app WARNING pay_declined request_id=a81b because=mine"
    assert (
        shown_by().line(told) == "line 12: app WARNING pay_declined request_id=a81b because=[redacted:text-1]"
    )


def test_a_record_is_shown_by_its_names_and_known_words_alone() -> None:
    """The event, the text and the fields of a record lose what no run wrote; its line, level and numbers stay."""
    (record,) = parse(['{"event": "I am ill", "level": "error", "because": "of flu", "tries": 3}'])
    shown = shown_by("app ERROR because").log(record)
    assert isinstance(shown, LogRecord)
    assert (shown.level, shown.line, shown.fields["tries"]) == ("error", 1, 3)
    assert shown.event == "[redacted:text-1]"
    assert shown.fields["because"] == "[redacted:text-2]"
    assert "ill" not in shown.text
    assert "flu" not in shown.text


def test_long_texts_are_hidden_in_linear_time() -> None:
    """A line of megabytes, of one word, of many, or of numbers, is read once: it ends."""
    shown = shown_by()
    for text in ("A" * 300_000, "a." * 150_000, "mine " * 60_000, "1 " * 150_000, "a1=" * 100_000):
        assert len(shown.line(f"line 1: {text}")) <= 2_000_000


@pytest.mark.parametrize("kind", ["words", "flags", "texts", "statuses"])
def test_a_line_of_many_fields_is_read_once_for_its_names(kind: str) -> None:
    """However many traits it has: the names of a line are read once, and a signature of it ends."""
    lines = {
        "words": " ".join(f"word{letter}{other}" for letter in ascii_letters for other in ascii_letters),
        "flags": json.dumps({f"flag{number}": True for number in range(2_000)}),
        "texts": json.dumps({f"key{number}": f"of {number}" for number in range(2_000)}),
        "statuses": json.dumps(
            {f"status_{number}": 500 for number in range(500)} | {f"f{n}": True for n in range(500)}
        ),
    }
    shown = Shown()
    contract = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,))
    assert shown.read_log(parse([lines[kind]]), contract).threads == 1


def test_the_names_of_a_record_are_read_without_its_secrets() -> None:
    """What a field of the user's, or an address, holds is no name, and stays hidden where it stands again."""
    rules = Rules(fields=frozenset({"session_id"}))
    shown = Redactor(rules).only(Words())
    (record, again) = parse(
        [
            "app WARNING pay_declined session_id=peter who_id=anna@example.org",
            "app WARNING it was peter and anna",
        ]
    )
    assert "peter" not in shown.log(record).text
    assert not {"peter", "anna"} & set(shown.log(again).text.split())


@pytest.mark.parametrize(
    "text",
    [
        '{"level": "ich habe fieber", "event": "pay_declined"}',
        '{"timestamp": "montag abend", "event": "pay_declined"}',
        '{"request_id": "r eins zwei", "event": "pay_declined"}',
        '{"event": "hilfe.ich"}',
        "[warning  ] blocked answer of topic [grippe]",
        "krebs ERROR beim arzt",
        "line 3: grippe ERROR zq_foo",
    ],
)
def test_what_stands_in_the_place_of_a_name_and_is_none_is_hidden(text: str) -> None:
    """A level is one of a few, a time is one, an id has no blank, an event and a logger look as code has them."""
    (record,) = parse([text])
    shown = Redactor().only(Words()).log(record)
    for word in ("ich", "fieber", "montag", "abend", "eins", "zwei", "hilfe", "grippe", "krebs"):
        assert word not in f"{shown.text} {shown.event} {shown.fields}"


def test_long_numbers_are_hidden_but_for_the_values_of_keys() -> None:
    """A PIN, a phone number or a birthday has four digits in a row; a port, and what a key names, is shown."""
    shown = shown_by("app WARNING call it")
    assert shown.text("call 7312345 12 it") == "call [redacted:text-1] it"
    assert shown.text('it 10.0.0.1:54321 took_ms=1234 {"ms": 12345}').startswith("it 10.0.0.1:54321 ")
    assert "1234" in shown.text("it took_ms=1234")
    assert "7312345" not in shown.text('message="7312345" user_text=7312345')
    assert shown.text("message=3") == "message=3"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"event": "ask_completed", "error": "KeyError"}', True),
        ('{"event": "ask_completed", "error_type": "httpx.ReadTimeout"}', True),
        ('{"event": "ask_completed", "note": "KeyError"}', False),
        ('{"event": "ask_completed", "error": "Peter"}', False),
    ],
)
def test_the_class_of_an_exception_under_a_key_of_an_outcome_is_a_name(line: str, shown: bool) -> None:
    """`error: KeyError` is the program's; the same word under a key of anybody's, and another word, may be a person's."""
    (record,) = parse([line])
    text = Redactor(Rules()).only(Words()).log(record).text
    assert ("redacted" not in text) is shown
