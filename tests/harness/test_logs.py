"""No line of a log is dropped, and each shape that a target writes is read."""

from hypothesis import given
from hypothesis import strategies as st

from harness.logs import parse


def one(line: str, source: str = "app"):
    """The record of one line."""
    (record,) = parse([line], source=source)
    return record


def test_a_json_line_becomes_a_record():
    """Event, level, logger, request id and timestamp are taken out; the rest are fields with their types."""
    record = one(
        '{"event":"done","level":"info","logger":"l","request_id":"r","timestamp":"t","success":true,"n":1}\n'
    )
    assert (record.event, record.level, record.logger, record.request_id) == ("done", "info", "l", "r")
    assert record.fields == {"success": True, "n": 1}


def test_an_access_line_becomes_a_record():
    """Uvicorn's access line is read with and without a client address, whatever stream it is in."""
    for client in ("", "127.0.0.1:59872 - "):
        record = one(f'INFO:     {client}"POST /workflow/execute HTTP/1.1" 500 Internal Server Error')
        assert record.source == "access"
        assert record.event == "500 Internal Server Error"
        assert record.fields == {"method": "POST", "path": "/workflow/execute", "status_code": 500}


def test_a_line_that_no_format_knows_is_kept():
    """A traceback's line keeps its text, its number and its source."""
    records = list(parse(["\n", "Traceback (most recent call last):\n", "  boom\n"], source="stderr"))
    assert [(record.line, record.text, record.source, record.event) for record in records] == [
        (2, "Traceback (most recent call last):", "stderr", None),
        (3, "  boom", "stderr", None),
    ]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r")), max_size=10))
def test_every_line_with_something_in_it_gives_one_record(lines):
    """Whatever the lines hold, there is one record for each that is not blank, with its own text."""
    assert [record.text for record in parse(lines)] == [line for line in lines if line.strip()]
