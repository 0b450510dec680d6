"""What two processes write into one file, and what goes on without an end, is read as far as it can be told apart."""

import traceback

import pytest

from harness.logs import blocks, parse

JSON = '{"event": "done", "level": "info"}'
ACCESS = 'INFO:     127.0.0.1:5 - "GET / HTTP/1.1" 200 OK'
HEADER = "Traceback (most recent call last):"
FRAMES = ['  File "a.py", line 1, in f', "    raise E('x')"]


@pytest.mark.parametrize(
    "between", [JSON, ACCESS, "app INFO done", "[info     ] done", "no format! knows it"]
)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_traceback_with_a_line_of_another_process_in_it_keeps_its_exception(between, place):
    """A line in the middle of a traceback is its own record, and what follows is one with the exception."""
    lines = [HEADER, *FRAMES, "E: x"]
    first, other, rest, after = parse([*lines[:place], between, *lines[place:], "after this"])
    assert [first.text, other.text, rest.text] == [
        "\n".join(lines[:place]),
        between,
        "\n".join(lines[place:]),
    ]
    assert (rest.event, rest.fields, rest.line) == (None, {"exception": "E: x"}, place + 2)
    assert (after.text, after.event, after.fields) == ("after this", None, {})


def test_a_group_with_lines_of_another_process_in_it_keeps_its_exception():
    """Each part of a group's traceback is one record, however often it is interrupted, and the group's exception is told."""
    error = ExceptionGroup("outer", [ValueError("a"), OSError(2, "b")])
    with pytest.raises(ExceptionGroup) as raised:
        raise error
    lines = "".join(traceback.format_exception(raised.value)).splitlines()
    mixed = [line for number, text in enumerate(lines) for line in ([JSON, text] if number % 2 else [text])]
    records = list(parse(mixed))
    parts = [record for record in records if "exception" in record.fields]
    assert [line for record in parts for line in record.text.split("\n")] == lines
    assert any(record.fields["exception"].startswith("ExceptionGroup: outer") for record in parts)
    assert sum(record.event == "done" for record in records) == len(mixed) - len(lines)


def test_a_torn_group_is_gone_on_with_by_its_own_lines_only():
    """Each line of a group has a bar at its left: an indented line without one is no part of it."""
    group = [
        "  + Exception Group Traceback (most recent call last):",
        "  | ExceptionGroup: outer (1 sub-exception)",
    ]
    torn, _, other = parse([*group, JSON, "  indented"])
    assert torn.fields == {"exception": "ExceptionGroup: outer (1 sub-exception)"}
    assert (other.text, other.fields) == ("  indented", {})


def test_what_has_its_exception_is_not_gone_on_with():
    """After the line of the exception an indented line, and a name, are no part of a traceback."""
    found = [
        (record.event, record.fields) for record in parse([HEADER, *FRAMES, "E: x", JSON, "  a", "F: y"])
    ]
    assert found == [(None, {"exception": "E: x"}), ("done", {}), (None, {}), (None, {})]


def test_a_traceback_that_was_torn_long_ago_is_not_gone_on_with():
    """Only so many records may stand in between: a line that comes later is not taken for part of it."""
    few, many = ([HEADER, *FRAMES, *[JSON] * count, "E: x"] for count in (20, 21))
    assert list(parse(few))[-1].fields == {"exception": "E: x"}
    assert list(parse(many))[-1].fields == {}


@pytest.mark.parametrize("line", ["  indented", "", " "])
@pytest.mark.parametrize("first", ["app INFO done", HEADER])
def test_what_goes_on_without_an_end_is_not_held_for_ever(monkeypatch, first, line):
    """A message or traceback that grows too long ends, blank lines too, and no line of it is lost."""
    monkeypatch.setattr(blocks, "BLOCK_CHARS_MAX", 1_000)
    read = 0

    def lines():
        nonlocal read
        for text in [first, *[line] * 10_000]:
            read += 1
            yield text

    records = parse(lines())
    record = next(records)
    assert read < 1_100
    assert len(record.text) <= 1_000
    told = [text for one in (record, *records) for text in one.text.split("\n") if text.strip()]
    assert told == [first, *[line] * 10_000 * bool(line.strip())]


@pytest.mark.parametrize(
    ("line", "own", "fields"),
    [
        (
            '{"event": "done", "timestamp": {"a": 1}, "logger": 7, "level": null}',
            ("done", None, "7", None),
            {"timestamp": {"a": 1}},
        ),
        (
            '{"event": "done", "logger": "a", "logger": "b", "timestamp": 12.5}',
            ("done", None, "b", "12.5"),
            {},
        ),
        (
            "2026-11-24T08:24:12Z [info     ] done                           [app.db] logger=you timestamp=never",
            ("done", "info", "app.db", "2026-11-24T08:24:12Z"),
            {"logger": "you", "timestamp": "never"},
        ),
        (
            "2026-11-24T08:24:12Z done   [app.db] n=1",
            ("done", None, "app.db", "2026-11-24T08:24:12Z"),
            {"n": 1},
        ),
    ],
)
def test_records_without_a_level_and_with_fields_of_the_callers(line, own, fields):
    """A caller's field with the name of an own one keeps the record readable, and a level need not be there."""
    (record,) = parse([line])
    assert (record.event, record.level, record.logger, record.timestamp) == own
    assert record.fields == fields
