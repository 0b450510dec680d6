"""No line of a log is dropped, and each shape that a target writes is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.logs import parse


def one(line: str, source: str = "app"):
    """The record of one line."""
    (record,) = parse([line], source=source)
    return record


TIME = "2026-11-24 08:22:29,705"
MESSAGES = [
    # The emergency plan's own lines.
    (
        "intent_classifier WARNING conversation_aware_classification_skipped async_context_detected fallback=structured_llm",
        ("conversation_aware_classification_skipped", "warning", "intent_classifier", None),
        {"async_context_detected": True, "fallback": "structured_llm"},
    ),
    (
        "universal_framework.safe_mode INFO api_request_complete status_code=500 success=true",
        ("api_request_complete", "info", "universal_framework.safe_mode", None),
        {"status_code": 500, "success": True},
    ),
    (
        "session_debug INFO new_session_initialized workflow_phase=INITIALIZATION",
        ("new_session_initialized", "info", "session_debug", None),
        {"workflow_phase": "INITIALIZATION"},
    ),
    (
        "conversation_debug INFO conversation_context_built has_history=false",
        ("conversation_context_built", "info", "conversation_debug", None),
        {"has_history": False},
    ),
    (
        f"{TIME} worker ERROR Could not reach the store attempt=2",
        ("Could not reach the store", "error", "worker", TIME),
        {"attempt": 2},
    ),
    # structlog.
    (
        "2026-11-24T08:24:12.017181Z [info     ] api_request_complete     d={'k': [1, 2]} empty= msg='he said \"hi\" a=b\\nnext' success=True",
        ("api_request_complete", "info", None, "2026-11-24T08:24:12.017181Z"),
        {"d": {"k": [1, 2]}, "empty": "", "msg": 'he said "hi" a=b\nnext', "success": True},
    ),
    (
        "2026-11-24 08:24.12 [warning  ] slow [a]                       [app.store] task=<Task name='T 1' n=(2)> who=UUID('a b')",
        ("slow [a]", "warning", "app.store", "2026-11-24 08:24.12"),
        {"task": "<Task name='T 1' n=(2)>", "who": "UUID('a b')"},
    ),
    ("2026-11-24T08:24:12Z done          n=1", ("done", None, None, "2026-11-24T08:24:12Z"), {"n": 1}),
    (
        '{"status_code": 500, "success": true, "event": "...", "level": "info"}',
        ("...", "info", None, None),
        {"status_code": 500, "success": True},
    ),
    (
        '{"event": "failed", "d": {"k": [1, {"n": null}]}, "exception": "Traceback (most recent call last):\\n  x\\nE: y"}',
        ("failed", None, None, None),
        {"d": {"k": [1, {"n": None}]}, "exception": "Traceback (most recent call last):\n  x\nE: y"},
    ),
    (
        "event='api_request_complete' success=True d={'k': [1, 2]}",
        ("api_request_complete", None, None, None),
        {"success": True, "d": {"k": [1, 2]}},
    ),
    (
        r'success=true msg="he said \"hi\" a=b\nnext" empty=',
        ('he said "hi" a=b\nnext', None, None, None),
        {"success": True, "empty": ""},
    ),
    ("cached event=done level=info", ("done", "info", None, None), {"cached": True}),
    # Python's logging, and uvicorn.
    ("WARNING:app.db:pool is full", ("pool is full", "warning", "app.db", None), {}),
    (f"{TIME} - app.db - ERROR - pool - full", ("pool - full", "error", "app.db", TIME), {}),
    (
        f"{TIME} - INFO - file.py:12 - started n=3",
        ("started", "info", None, TIME),
        {"filename": "file.py", "lineno": 12, "n": 3},
    ),
    (
        "08:19:14 - name:ERROR: file.py:12 - it broke",
        ("it broke", "error", "name", "08:19:14"),
        {"filename": "file.py", "lineno": 12},
    ),
    (f"{TIME} WARNING it is slow", ("it is slow", "warning", None, TIME), {}),
    ("INFO:     Started server process [7]", ("Started server process [7]", "info", None, None), {}),
    ("INFO:app:event='done' n=1", ("done", "info", "app", None), {"n": 1}),
    ('INFO:app:{"event": "done", "n": 1}', ("done", "info", "app", None), {"n": 1}),
    ("INFO:app:a=1", ("a=1", "info", "app", None), {"a": 1}),
    ("ERROR:app:", ("", "error", "app", None), {}),
]


@pytest.mark.parametrize(("line", "own", "fields"), MESSAGES, ids=lambda value: str(value)[:40])
def test_a_line_becomes_a_record(line, own, fields):
    """Each form of a line gives its event, level, logger, timestamp and typed fields, in colours or not."""
    for written in (line, f"\x1b[2m{line}\x1b[0m\x1b]8;;\x07"):
        record = one(written)
        assert (record.event, record.level, record.logger, record.timestamp) == own
        assert record.fields == fields
        assert {name: type(value) for name, value in record.fields.items()} == {
            name: type(value) for name, value in fields.items()
        }
        assert (record.text, record.line, record.source) == (written, 1, "app")


def test_a_json_line_becomes_a_record():
    """Event, level, logger, request id and timestamp are taken out; the rest are fields with their types."""
    record = one(
        '{"event":"done","level":"info","logger":"l","request_id":"r","timestamp":"t","success":true,"n":1}\n'
    )
    assert (record.event, record.level, record.logger, record.request_id) == ("done", "info", "l", "r")
    assert record.timestamp == "t"
    assert record.fields == {"success": True, "n": 1}


@pytest.mark.parametrize(("said", "read"), [
    ('{"event": "e", "status_code": "500", "success": "true"}', {"status_code": 500, "success": True}),
    ('{"event": "e", "status": 503.0, "success": 0}', {"status": 503, "success": False}),
    ('{"event": "e", "success": 0.0, "complete": 1.0}', {"success": False, "complete": True}),
    ("event=e status='404' complete='False' replayed=1", {"status": 404, "complete": False, "replayed": True}),
    ('{"event": "e", "http_status": "OK", "success": "maybe"}', {"http_status": "OK", "success": "maybe"}),
    ('{"event": "e", "status_code": true, "success": 2}', {"status_code": True, "success": 2}),
    ('{"event": "e", "status": {"a": "500"}, "code": "500"}', {"status": {"a": "500"}, "code": "500"}),
])  # fmt: skip
def test_a_status_is_a_number_and_a_flag_a_truth_value_however_they_were_written(said, read):
    """A service that logs them as text says the same; what is neither stays what it was, in its own type."""
    fields = dict(one(said).fields)
    assert (fields, [type(value) for value in fields.values()]) == (
        read,
        [type(value) for value in read.values()],
    )


def test_an_access_line_becomes_a_record():
    """Uvicorn's access line is read with and without a client address, coloured or not, whatever stream it is in."""
    for line in (
        'INFO:     "POST /workflow/execute HTTP/1.1" 500 Internal Server Error',
        'INFO: "POST /workflow/execute HTTP/1.1" 500 Internal Server Error',
        'INFO:     127.0.0.1:59872 - "POST /workflow/execute HTTP/1.1" 500 Internal Server Error',
        '\x1b[32mINFO\x1b[0m:     127.0.0.1:5 - "\x1b[1mPOST /workflow/execute HTTP/1.1\x1b[0m" \x1b[91m500 Internal Server Error\x1b[0m',
    ):
        record = one(line, source="stderr")
        assert (record.source, record.level) == ("access", "info")
        assert record.event == "500 Internal Server Error"
        assert record.fields == {"method": "POST", "path": "/workflow/execute", "status_code": 500}


@pytest.mark.parametrize(
    ("line", "logger", "timestamp", "fields"),
    [
        (
            f"{TIME} - app - INFO - done logger=you timestamp=never level=loud event=other",
            "app",
            TIME,
            {"logger": "you", "timestamp": "never", "level": "loud", "event": "other"},
        ),
        (
            "app INFO done logger=you timestamp=2026-11-24T08:24:12Z timestamp=never",
            "app",
            "2026-11-24T08:24:12Z",
            {"logger": "you", "timestamp": "never"},
        ),
        ("event='done' logger={'a': 1} timestamp=None", None, None, {"logger": {"a": 1}}),
        ('{"event": "done", "logger": ["a"], "timestamp": null}', None, None, {"logger": ["a"]}),
    ],
)
def test_a_field_does_not_take_the_place_of_what_is_known(line, logger, timestamp, fields):
    """What stands in its place in the line is not overwritten by a pair of that name, nor filled by a container."""
    record = one(line)
    assert (record.event, record.logger, record.timestamp) == ("done", logger, timestamp)
    assert record.fields == fields


def test_a_request_id_is_text_as_it_was_written():
    """An id that looks like a number keeps its digits, and an id that is empty or None is none."""
    assert one("app INFO done request_id=12e3").request_id == "12e3"
    assert one('{"event": "done", "request_id": 7}').request_id == "7"
    assert one("app INFO done request_id=").request_id is None
    assert one("event='done' request_id=None").request_id is None


UNKNOWN = [
    "something happened",
    "  indented",
    "{",
    "{}",
    '{"event": ',
    "[1, 2]",
    "=",
    "see a=1 there",
    "NOTE: x",
]


def test_unknown_lines_keep_their_text_and_are_counted():
    """A line that no format knows keeps its text, its number and its source, and has no event."""
    lines = [line for text in UNKNOWN for line in ("", f"{text}\n")]
    records = list(parse(lines, source="stderr"))
    assert [(record.line, record.text, record.source) for record in records] == [
        (2 * index, text, "stderr") for index, text in enumerate(UNKNOWN, start=1)
    ]
    assert all(record.event is None and record.fields == {} for record in records)


def test_records_come_while_the_log_is_still_written():
    """A record is given as soon as a line comes that is not part of it; no more is read than that."""

    def lines():
        yield "one"
        yield "two"
        raise AssertionError("read too far")

    assert next(parse(lines())).text == "one"


PIECES = st.sampled_from(
    [record[0] for record in MESSAGES] + UNKNOWN + ["", " ", "Traceback (most recent call last):"]
)
LINES = st.lists(PIECES | st.text(st.characters(exclude_characters="\n\r")), max_size=10)


@settings(deadline=None)
@given(LINES)
def test_every_line_is_in_exactly_one_record(lines):
    """Whatever the lines hold, each that is not blank is in one record, in its order, and a record says where it begins."""
    records = list(parse(lines))
    told = [line for record in records for line in record.text.split("\n")]
    assert [line for line in told if line.strip()] == [line for line in lines if line.strip()]
    assert [record.text.split("\n")[0] for record in records] == [
        lines[record.line - 1] for record in records
    ]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n\r \t")), max_size=10))
def test_every_line_with_something_in_it_gives_one_record(lines):
    """Lines that are not indented and begin no traceback give one record each, with their own text."""
    assert [record.text for record in parse(lines)] == [line for line in lines if line.strip()]
