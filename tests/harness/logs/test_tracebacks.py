"""What one call to a logger wrote over several lines is one record, and so is a traceback with those chained to it."""

import io
import logging
import traceback

import pytest
import structlog

from harness.logs import parse

CHAINED = """
try:
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second")
except ValueError as error:
    raise RuntimeError("third") from error
"""
GROUPED = """
try:
    raise KeyError("first")
except KeyError:
    inner = ExceptionGroup("inner", [ValueError("a\\nb"), OSError(2, "c")])
    raise ExceptionGroup("outer", [TypeError("d"), inner])
"""
GROUP = 'raise ExceptionGroup("alone", [ValueError("a")])'
AFTER_GROUP = f"""
try:
{GROUPED.replace(chr(10), chr(10) + "    ")}
except ExceptionGroup as error:
    raise RuntimeError from error
"""
DEEP = """
class Outer:
    class Inner(RuntimeError): pass
def recursing(depth):
    if depth == 0:
        raise Outer.Inner("deep")
    recursing(depth - 1)
recursing(50)
"""
ERRORS = [
    (CHAINED, "RuntimeError: third"),
    (GROUPED, "ExceptionGroup: outer (2 sub-exceptions)"),
    (AFTER_GROUP, "RuntimeError"),
    (GROUP, "ExceptionGroup: alone (1 sub-exception)"),
    (DEEP, "service.Outer.Inner: deep"),
]
NAMES = ["chained", "grouped", "after_group", "group", "deep"]


def raised(code: str) -> BaseException:
    """What the code raises."""
    try:
        exec(compile(code, "service.py", "exec"), {"__name__": "service"})
    except (RuntimeError, ExceptionGroup) as error:
        return error
    raise AssertionError("nothing was raised")


def formatted(code: str) -> str:
    """The traceback of what the code raises, as Python writes it."""
    return "".join(traceback.format_exception(raised(code))).rstrip("\n")


@pytest.mark.parametrize(("code", "exception"), ERRORS, ids=NAMES)
@pytest.mark.parametrize(
    "before", ["ERROR:    Exception in ASGI application", "app ERROR failed a=1", "words", ""]
)
def test_a_traceback_is_one_record(code, exception, before):
    """Python's own tracebacks, chained and of groups, are one record each, also where they follow a message or each other."""
    text = formatted(code)
    lines = [*([before] if before else []), *text.split("\n"), *text.split("\n"), "app INFO after", "  more"]
    records = list(parse(lines, source="stderr"))
    begun = 2 if before else 1
    told = [record for record in records if "exception" in record.fields]
    assert [(record.line, record.text) for record in told] == [
        (begun, text),
        (begun + len(text.split("\n")), text),
    ]
    assert all(
        (record.event, record.source, record.fields) == (None, "stderr", {"exception": exception})
        for record in told
    )
    assert len(records) == len(told) + begun
    assert (records[-1].event, records[-1].text) == ("after", "app INFO after\n  more")


@pytest.mark.parametrize("colors", [False, True])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("code", "exception"), ERRORS[:4], ids=NAMES[:4])
def test_a_traceback_on_structlogs_console_is_one_record(code, exception, plain, colors):
    """The console's tracebacks, plain or in Rich's boxes, are one record below the line of the event."""
    formatter = {"exception_formatter": structlog.dev.plain_traceback} if plain else {}
    renderer = structlog.dev.ConsoleRenderer(colors=colors, **formatter)
    rendered = renderer(None, "", {"event": "failed", "level": "error", "exc_info": raised(code)})
    first, trace, after = parse([*rendered.split("\n"), "", "[info     ] after"])
    assert (first.event, after.event) == ("failed", "after")
    assert f"{first.text}\n{trace.text}".rstrip() == rendered.rstrip()
    assert (trace.event, trace.fields) == (None, {"exception": exception})


def test_what_pythons_logging_writes_is_a_message_and_a_traceback(monkeypatch):
    """A call with `exc_info` and basicConfig's format gives a record of the call and one of the traceback."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logger = logging.getLogger("app.db")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    logger.error("it failed attempt=%d", 2, exc_info=raised(CHAINED))
    logger.warning("rows:\n  1\n\n  2\n]", stack_info=True)
    logger.error(formatted(DEEP))
    first, trace, rows, told = parse(stream.getvalue().splitlines(keepends=True))
    assert (first.event, first.level, first.logger) == ("it failed", "error", "app.db")
    assert first.fields == {"attempt": 2}
    assert trace.fields == {"exception": "RuntimeError: third"}
    assert rows.event == "rows:"
    assert rows.text.startswith(
        "WARNING:app.db:rows:\n  1\n\n  2\n]\nStack (most recent call last):\n  File "
    )
    assert (told.event, told.fields) == (
        "Traceback (most recent call last):",
        {"exception": "service.Outer.Inner: deep"},
    )


HEADER = "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("lines", "exception"),
    [
        ([HEADER], HEADER),
        ([HEADER, '  File "a.py", line 1, in f'], 'File "a.py", line 1, in f'),
        (
            [
                HEADER,
                "  a",
                "E: x",
                "",
                "During handling of the above exception, another exception occurred:",
            ],
            "E: x",
        ),
        (["  + Exception Group Traceback (most recent call last):", "  |   a"], "|   a"),
        (["    " + HEADER, "      a", "    E: x"], "E: x"),
        ([HEADER, "  a", "E: 2 errors", "  one", "    two"], "E: 2 errors"),
    ],
)
@pytest.mark.parametrize(
    ("after", "event"),
    [
        ("INFO:app:after", "after"),
        ("INFO:     after", "after"),
        ("x INFO after", "after"),
        ("no name!", None),
    ],
)
def test_a_traceback_that_breaks_off_takes_nothing_with_it(lines, exception, after, event):
    """What follows a traceback is a record of its own, where the exception's line is missing too."""
    first, second = parse([*lines, "", after])
    assert (first.text, first.fields) == ("\n".join(lines), {"exception": exception})
    assert (second.event, second.text, second.line) == (event, after, len(lines) + 2)


@pytest.mark.parametrize(
    "line",
    ['{"event": "done"}', 'INFO:     "GET / HTTP/1.1" 200 OK', "event='done' a=1", "no format knows it"],
)
def test_a_line_that_is_whole_does_not_go_on(line):
    """JSON, access lines, lines of pairs and unknown lines end where they end; what is indented below them is its own."""
    first, second = parse([line, "  indented"])
    assert (first.text, second.text, second.event) == (line, "  indented", None)


def test_an_indented_line_after_a_blank_one_is_not_part_of_the_exception():
    """The text of an exception goes on in indented lines only as long as no blank line ends it."""
    first, second = parse([HEADER, "  a", "E: x", "  note", "", "  indented"])
    assert (first.text, first.fields) == (f"{HEADER}\n  a\nE: x\n  note", {"exception": "E: x"})
    assert (second.text, second.event, second.line) == ("  indented", None, 6)
