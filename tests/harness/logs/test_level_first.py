"""A line that begins with its level: `LEVEL event key=value`, and the same with a logger before the event."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.logs import parse

LEVELS = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "EXCEPTION"]
TIME = "2026-11-01 10:00:00"


def one(line: str):
    """The record of one line."""
    (record,) = parse([line])
    return record


def said(line: str):
    """What a line says: level, logger, event, fields."""
    record = one(line)
    return record.level, record.logger, record.event, record.fields


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("logger", [None, "app", "app.db", "__main__", "My.App"])
def test_an_event_is_read_with_and_without_a_logger(level, logger):
    """Whatever the level and the logger, padded or not, after a time or not: the same event with typed fields."""
    told = f"{logger} " * (logger is not None) + "api_request_complete status_code=500 success=true"
    fields = {"status_code": 500, "success": True}
    for line in (f"{level} {told}", f"{level:<8} {told}", f"\x1b[31m{level}\x1b[0m {told}"):
        assert said(line) == (level.lower(), logger, "api_request_complete", fields)
    assert said(f"{TIME} {level} {told}") == said(f"{level} {told}")
    assert one(f"{TIME} {level} {told}").timestamp == TIME


@pytest.mark.parametrize(
    ("told", "logger", "flags"),
    [
        ("conversation_aware_classification_skipped async_context_detected", None, True),
        ("intent_classifier conversation_aware_classification_skipped async_context_detected", "it", True),
        ("intent_classifier conversation_aware_classification_skipped", "it", False),
    ],
)
def test_a_flag_is_told_from_a_logger(told, logger, flags):
    """A logger has fewer words than the event after it; what comes after an event and has no more is a flag of it."""
    _, found, event, fields = said(f"WARNING {told} fallback=structured_llm")
    assert (found, event) == (logger and "intent_classifier", "conversation_aware_classification_skipped")
    assert fields == {**({"async_context_detected": True} if flags else {}), "fallback": "structured_llm"}


@pytest.mark.parametrize(
    ("line", "event", "fields"),
    [
        ("INFO Started server process [7]", "Started server process [7]", {}),
        ("ERROR pool is full attempt=3", "pool is full", {"attempt": 3}),
        ("ERROR user_id is missing attempt=3", "user_id is missing", {"attempt": 3}),
        ("INFO config.toml was read", "config.toml was read", {}),
        ("INFO See api_request_complete", "See api_request_complete", {}),
        ('ERROR {"event": "done", "n": 1}', "done", {"n": 1}),
        ("ERROR event='done' n=1", "done", {"n": 1}),
    ],
)
def test_prose_after_a_level_stays_prose(line, event, fields):
    """A sentence is one event, though its first word could be a logger; what names its event itself is read so."""
    _, logger, found, more = said(line)
    assert (logger, found, more) == (None, event, fields)


@pytest.mark.parametrize(
    "line",
    [
        "info done_so n=1",
        "NOTE done_so n=1",
        "INFORMATION done_so n=1",
        "ERROR",
        "ERROR  ",
        "ERROR - x y",
        "INFO | x y",
    ],
)
def test_what_only_looks_like_a_level_is_none(line):
    """A level is a known one, in capitals, as a word of its own, with something said after it."""
    assert said(line) == (None, None, None, {})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("app INFO request_complete n=1", ("info", "app", "request_complete", {"n": 1})),
        ("INFO: request_complete n=1", ("info", None, "request_complete", {"n": 1})),
        ("INFO:app:request_complete n=1", ("info", "app", "request_complete", {"n": 1})),
        ("[INFO] request_complete n=1", ("info", None, "request_complete", {"n": 1})),
        (f"{TIME} - INFO - request_complete n=1", ("info", None, "request_complete", {"n": 1})),
    ],
)
def test_other_forms_are_read_as_before(line, told):
    """A level after its logger, before a colon, in brackets or between dashes is no level in front."""
    assert said(line) == told


WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=6)
EVENTS = st.lists(WORDS, min_size=3, max_size=5).map("_".join)
LOGGERS = (
    st.none()
    | st.lists(WORDS, min_size=1, max_size=2).map("_".join)
    | st.lists(WORDS, min_size=2, max_size=3).map(".".join)
)
FIELDS = st.dictionaries(
    WORDS.map(lambda word: f"k_{word}"), st.integers(0, 2**63) | st.booleans(), max_size=4
)


@settings(deadline=None)
@given(st.sampled_from(LEVELS), LOGGERS, EVENTS, FIELDS, st.sampled_from(["", f"{TIME} "]))
def test_what_was_logged_is_read_again(level, logger, event, fields, time):
    """Whatever the names, a line that is written so gives back level, logger, event and every value."""
    pairs = [f"{key}={str(value).lower()}" for key, value in fields.items()]
    line = time + " ".join([level, *([logger] if logger else []), event, *pairs])
    assert said(line) == (level.lower(), logger, event, fields)


def test_a_level_in_front_ends_a_traceback():
    """A line with a level in front is a record of its own in the middle of a traceback, which goes on after it."""
    lines = [
        "Traceback (most recent call last):",
        "  File x",
        "ERROR app request_complete n=1",
        "ValueError: no",
    ]
    events = [(record.event, record.fields) for record in parse(lines)]
    assert (("request_complete", {"n": 1})) in events
    assert events[-1] == (None, {"exception": "ValueError: no"})
