"""No line, however long and however made, exhausts the parser or what stores its records.

Nothing is timed: what is worse than linear does not come to its end on lines of this size.
"""

import sys
from dataclasses import asdict

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.logs import parse
from harness.logs.pairs import TOKENS_MAX, tokens

STARTS = [
    "",
    "event=",
    "event=x a='",
    "app INFO done ",
    "app INFO Done ",
    "[info     ] ",
    "2026-11-24T08:24:12Z ",
    "2026-11-24 08:22:29,705 - INFO - ",
    "2026-11-24 08:22:29,705 - ",
    "INFO:",
    "INFO:     ",
    "INFO ",
    "ERROR app api_request_complete ",
    'INFO:     1 - "GET ',
    '{"event": ',
    "Traceback (most recent call last):",
    "╭─",
]
MARKS = "[({<'\"\\=:- \t1Aa_.|+─]\x1b"
UNITS = """
a=[ |a=(' |a='\\' |a='x |a="\\" b=' |"x |a=<A |a={1: |a=[1]x |a=b |x |[a] |{"a":|[{|('',|1e|1,|\\u|\\ud800
|\x1b[|\x1b[1|\x1b]|\x1b]8;;|: |- | - |INFO |INFO:
""".replace("\n", "").split("|")


def record_of(line: str):
    """The one record of a line, which can be stored and holds the whole line."""
    (record,) = parse([line])
    assert record.text == line
    assert orjson.loads(orjson.dumps(asdict(record), option=orjson.OPT_NON_STR_KEYS))["text"] == line
    return record


@pytest.mark.parametrize("mark", MARKS)
def test_a_long_line_of_one_mark_is_read(mark):
    """A megabyte of one mark gives one record, and so does less of it in each place that a form leaves free."""
    record_of(f"x{mark * 1_000_000}x")
    for start in STARTS:
        record_of(f"{start}{mark * 200_000}x")


@pytest.mark.parametrize("start", STARTS)
def test_a_long_line_of_one_pattern_is_read(start):
    """Many values that do not close, or close where they may not, give one record, whatever stands at the end."""
    for unit in UNITS:
        for end in ("x", " a='b' c=[1]", "]" * 1000, '"'):
            record_of(start + unit * 1_000 + end)


def calls(line: str) -> int:
    """How many functions, Python's own too, are called to read a line."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        list(parse([line]))
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("start", STARTS)
def test_the_steps_grow_with_the_length_of_the_line(start):
    """Twice the line takes no more than twice the steps, and a few."""
    for unit in [*UNITS, *MARKS]:
        short, long = (calls(start + unit * times) for times in (1_000, 2_000))
        assert long <= 2 * short + 200, unit


def test_brackets_after_many_that_do_not_close_end_at_the_next_blank():
    """The scanner looks for the end of so many brackets only, and reads strings and words after them all the same."""
    (record,) = parse(["event=x " + " ".join(f"k{n}=[" for n in range(20)) + " last='a b' n=1"])
    assert record.event == "x"
    assert record.fields == {**{f"k{n}": "[" for n in range(20)}, "last": "a b", "n": 1}


@pytest.mark.parametrize(
    "value",
    [
        "{1, 2}",
        "b'a'",
        "1j",
        "(1)",
        "[1 2]",
        "{'a' 1}",
        "{[1]: 2}",
        "1" * 30,
        str(2**64),
        "-" + "9" * 30,
        "1e999",
        "007",
        "nan",
        "[" * 60 + "]" * 60,
    ],
)
def test_what_a_record_cannot_keep_stays_text(value):
    """A value that is no literal, or that JSON has no place for, is the text that stands there."""
    record = record_of(f"event='x' value={value} nested=[{value}]")
    assert record.fields == {"value": value, "nested": f"[{value}]"}


def test_a_bracket_that_closes_another_makes_no_container():
    """Brackets that do not match are text up to the next blank, and what follows is read."""
    assert record_of("event='x' a=[) b=1] c=2").fields == {"a": "[)", "b": "1]", "c": 2}


def test_escapes_are_those_of_python_json_and_logfmt():
    """Escapes become characters, two half characters one, a lone half is replaced, and an unknown escape stays."""
    record = record_of(r'event=x a="\u00e9\t\"\/\\ \ud83d\ude00 \ud83d. \q \x41 \U0001f600 \U00ffffff"')
    assert record.fields == {"a": '\xe9\t"/\\ \U0001f600 \ufffd. \\q A \U0001f600 \\U00ffffff'}


def test_json_that_nests_too_deep_to_be_stored_is_unknown():
    """A JSON line that could be read but not written again has no event; neither has one with half a character."""
    for line in ('{"event": "x", "a": ' + "[" * 300 + "]" * 300 + "}", '{"event": "x", "a": "\\ud800"}'):
        assert record_of(line).event is None


TANGLES = st.text(st.sampled_from("ab1 =[](){}<>'\"\\,:-_.|+\x1bn\t"), max_size=40)


@settings(deadline=None)
@given(st.sampled_from(STARTS), st.lists(TANGLES, min_size=1, max_size=4).map(" ".join))
def test_whatever_a_line_holds_its_record_can_be_stored(start, rest):
    """No mixture of marks makes a record that cannot be written as JSON."""
    if (start + rest).strip():
        record_of(start + rest)


def test_a_line_of_words_without_end_is_kept_whole_and_cut_into_a_few() -> None:
    """Of a million words fifty thousand are looked at; the text of the record is all of them."""
    text = "app WARNING " + "mine " * 1_000_000 + "at=once"
    (record,) = parse([text])
    assert (record.level, record.text) == ("warning", text)
    assert len(tokens(text)) == TOKENS_MAX + 1
