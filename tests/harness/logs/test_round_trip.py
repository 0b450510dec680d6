"""What structlog's own renderers write is read as it was logged.

Drawn values are of 64 bits and have no half characters, for a record is stored as JSON. What is left out otherwise is
what the renderer itself makes ambiguous, and each strategy says so.
"""

import json
import keyword

import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.logs import parse

OWN = {"event", "level", "logger", "logger_name", "request_id", "timestamp", "stack", "exception", "exc_info"}
OWN |= {"message", "msg"}
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.@-]{0,12}", fullmatch=True).filter(
    lambda key: key not in OWN and not keyword.iskeyword(key)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
INTEGERS = st.integers(min_value=-(2**63), max_value=2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NAMES = st.from_regex(r"[A-Za-z_][\w]{0,8}(\.\w{1,8}){0,2}", fullmatch=True)
IDENTIFIERS = st.none() | st.from_regex(r"[0-9a-f-]{1,16}", fullmatch=True)
LEVELS = st.sampled_from(["debug", "info", "warning", "error", "critical"])


def ambiguous_bare(text: str) -> bool:
    """Whether a text without quotes reads as another type, or as brackets that hold more than the text."""
    words = ("true", "false", "True", "False", "None", "null")
    return text in words or text[:1] in "-0123456789" or bool(set(text) & set("[](){}<>"))


def dictionaries(values):
    """Fields of one call to a logger, with the values that one renderer can tell apart."""
    return st.dictionaries(KEYS, values, max_size=5)


def read(rendered: str):
    """The record of a rendered line, which must be one."""
    (record,) = parse([f"{rendered}\n"])
    assert record.text == rendered.rstrip("\r\n")
    return record


@settings(deadline=None)
@given(TEXTS, LEVELS, NAMES, IDENTIFIERS, dictionaries(NESTED))
def test_json(event, level, logger, request_id, fields):
    """A line of JSONRenderer, escaped or not, gives back every value, nested ones too."""
    logged = {"level": level, "logger": logger, "request_id": request_id, **fields, "event": event}
    for escaped in (True, False):
        renderer = structlog.processors.JSONRenderer(ensure_ascii=escaped)
        record = read(renderer(None, "", dict(logged)))
        assert (record.event, record.level, record.logger) == (event, level, logger)
        assert record.request_id == request_id
        assert record.fields == fields


@settings(deadline=None)
@given(TEXTS, LEVELS, NAMES, IDENTIFIERS, dictionaries(NESTED | st.tuples(SCALARS, SCALARS)))
def test_key_value(event, level, logger, request_id, fields):
    """A line of KeyValueRenderer gives back every value, for it writes Python's own literals."""
    logged = {"level": level, "logger": logger, "request_id": request_id, **fields, "event": event}
    record = read(structlog.processors.KeyValueRenderer()(None, "", dict(logged)))
    assert (record.event, record.level, record.logger) == (event, level, logger)
    assert record.request_id == request_id
    assert record.fields == fields


# Logfmt has no types: None is written as the empty text is, a list as its text, and a text that is not quoted may read
# as a number, a word like `true`, a container or a quoted text. It escapes the end of a line also where it does not
# quote, and then a backslash and an `n` read the same; the reader leaves both as they stand. It writes a carriage
# return as it is, which at the end of a line is part of that.
LOGFMT_TEXTS = TEXTS.filter(
    lambda text: (
        "\r" not in text
        and (set(text) & set(' ="') or not (ambiguous_bare(text) or "\n" in text or text[:1] in ("'", "")))
    )
)
LOGFMT = st.booleans() | INTEGERS | FLOATS | LOGFMT_TEXTS | st.just("")


@settings(deadline=None)
@given(LOGFMT_TEXTS, LEVELS, NAMES, IDENTIFIERS, dictionaries(LOGFMT))
def test_logfmt(event, level, logger, request_id, fields):
    """A line of LogfmtRenderer gives back what has types of its own, escapes and bare flags."""
    logged = {"level": level, "logger": logger, "request_id": request_id, **fields, "event": event}
    for flags in (True, False):
        record = read(structlog.processors.LogfmtRenderer(bool_as_flag=flags)(None, "", dict(logged)))
        assert (record.event, record.level, record.logger) == (event, level, logger)
        assert record.request_id == request_id
        assert record.fields == fields


# The console writes a text as it is unless a blank, a quote or `=` is in it, so that one without may read as another
# type, or as a bracket of what follows. Its event is never quoted: `=` or a bracket at its end may be a pair or a
# logger, blanks at its end are padding, and a line end in it is one. Codes of colour in a text are not told from the
# renderer's own.
PRINTED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"), max_size=40)
CONSOLE_TEXTS = PRINTED.filter(lambda text: set(text) & set(" \t=\r\n\"'") or not ambiguous_bare(text))
CONSOLE_EVENTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x1b\r\n=]"), max_size=60
).map(lambda text: text.rstrip(" "))
CONSOLE_CONTAINERS = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | PRINTED,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTED, inner, max_size=4),
    max_leaves=8,
).filter(lambda value: not isinstance(value, str))
CONSOLE = CONSOLE_TEXTS | CONSOLE_CONTAINERS
TIMES = st.none() | st.datetimes().map(lambda at: f"{at.isoformat()}Z")


@settings(deadline=None)
@given(CONSOLE_EVENTS, LEVELS, TIMES, st.none() | NAMES, dictionaries(CONSOLE))
def test_console(event, level, timestamp, logger, fields):
    """A line of ConsoleRenderer, coloured or not, gives back event, level, logger, time and every value."""
    own = {"timestamp": timestamp, "logger": logger}
    logged = {"event": event, "level": level, **fields}
    logged |= {name: value for name, value in own.items() if value is not None}
    for colors in (True, False):
        record = read(structlog.dev.ConsoleRenderer(colors=colors)(None, "", dict(logged)))
        assert (record.event, record.level) == (event, level)
        assert (record.logger, record.timestamp) == (logger, timestamp)
        assert record.fields == fields


@settings(deadline=None)
@given(NAMES, st.sampled_from(["", "x=1", "[a]", "see [a] b=2"]), dictionaries(CONSOLE))
def test_a_padded_event_may_look_like_pairs(word, tail, fields):
    """Where there are fields, the padding tells where an event ends that itself ends like a pair or a logger."""
    event = f"{word[:10]} {tail}".rstrip()
    logged = {"event": event, "level": "info", "logger": "app", **fields}
    record = read(structlog.dev.ConsoleRenderer(colors=False)(None, "", logged))
    assert (record.event, record.logger, record.fields) == (event, "app", fields)


def test_what_only_python_takes_for_json_is_read():
    """NaN, which JSONRenderer writes, does not make a line unknown."""
    record = read(structlog.processors.JSONRenderer()(None, "", {"event": "scored", "score": float("nan")}))
    assert record.event == "scored"
    assert record.fields["score"] != record.fields["score"]
    assert json.loads(record.text)["event"] == "scored"
