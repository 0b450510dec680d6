"""What must hold under the faults of the log plane, on histories that are made for it."""

from typing import Any

import pytest

from harness.faults.logs_holds import drops_counted, long_line, long_lines_whole, whole_lines
from harness.history import Contract, Exchange, FaultFired, Header, History, LogRecord, Record, Snapshot

METRIC = "lost_lines_total"


def history(*records: Record, metric: str | None = METRIC) -> History:
    contract = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), dropped_lines_metric=metric)
    header = Header(
        scenario="x", seed=1, stage="live", target="x", arm="faulted", contract=contract, witnesses=("logs",)
    )
    return History(header=header, records=records)


def messages(check: Any, *records: Record, **options: Any) -> list[str]:
    return [finding.message for finding in check(history(*records, **options))]


def log(text: str, source: str = "app") -> LogRecord:
    return LogRecord(source=source, line=1, text=text)


def logged(*numbers: str) -> list[Record]:
    return [
        FaultFired(at_s=1, fault="logs.long_lines#2", detail=f"line {number} of 4097 bytes logged")
        for number in numbers
    ]


A, B = long_line("7-0", 4097), long_line("7-1", 4097)


def test_a_long_line_has_its_length() -> None:
    """It is as long as was asked for, whatever its number."""
    assert (len(A), len(long_line("12345-99", 6000))) == (4097, 6000)


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([A, f"WARNING:shakeout:{B}"], []),
        ([f'{{"event": "{A}", "level": "warning"}}', f"INFO: a message\n{B}"], []),
        ([A], ["a line of 4097 bytes is not, or not whole, in app"]),
        ([A, B, A], ["a line of 4097 bytes is 2 times in app"]),
        ([A, B[:3000], B[3000:]], ["a line of 4097 bytes is not, or not whole, in app"]),
        ([A, f"{B[:99]}x{B[99:]}"], ["a line of 4097 bytes is not, or not whole, in app"]),
        ([A + B], ["line 7-0 is run together with another"]),
        ([B, f'{{"event": "{A}", {{"event": "other"}}'], ["line 7-0 is run together with another"]),
        ([A, B, long_line("8-0", 4097)], []),
        (["other"], ["a line of 4097 bytes is not, or not whole, in the log"] * 2),
    ],
)
def test_each_long_line_is_whole_and_there_once(texts: list[str], found: list[str]) -> None:
    """Alone, in JSON or in a message of several lines it is whole; a lost, doubled, torn or joined one is told.

    A line that nobody is known to have logged, as by a process that was killed, is none of them.
    """
    assert messages(long_lines_whole, *logged("7-0", "7-1"), *map(log, texts)) == found


def test_each_place_that_has_long_lines_has_them_all() -> None:
    """Twice is well in two places, and torn in one of them is not; a place that has none at all is not asked."""
    both = [*logged("7-0", "7-1"), log(A), log(B), log("other", "access")]
    assert messages(long_lines_whole, *both, log(A, "stdout"), log(B, "stdout")) == []
    assert messages(long_lines_whole, *both, log(A + "x", "stdout"), log(B[:4000], "stdout")) == [
        "a line of 4097 bytes is not, or not whole, in stdout"
    ]


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (log('{"event": "x"}'), []),
        (log("[1] {braces} are no record"), []),
        (log("\0" * 3 + "x", "stderr"), []),
        (log("\0" * 3 + '{"event": "x"}'), ["3 NUL bytes in a line of the log"]),
        (log('first\n{"event": "x'), ["half a record in the log"]),
    ],
)
def test_a_line_of_the_log_is_whole(record: LogRecord, found: list[str]) -> None:
    """NUL bytes and half an object of JSON are told, in the app's own log."""
    assert messages(whole_lines, record) == found


def rotated(*lines: str) -> FaultFired:
    """The firing of a rotation that came after these lines."""
    size = sum(len(line.encode()) + 1 for line in lines)
    return FaultFired(at_s=1, fault="logs.rotation#2", detail=f"truncate: {size} bytes before it, 9 after")


DICT, HALF, GOOD = "{'event': 'Grüße'}", '{"event": "x', '{"event": "Grüße"}'


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([DICT], [DICT, HALF], []),
        (["plain", GOOD], [HALF], ["half a record in the log"]),
        ([GOOD], [DICT], ["half a record in the log"]),
        ([GOOD, DICT], ["\0\0" + DICT], ["2 NUL bytes in a line of the log"]),
    ],
)
def test_a_log_that_is_no_json_is_not_held_to_it(
    before: list[str], after: list[str], found: list[str]
) -> None:
    """What the lines before the rotation were says what those after it must be; NUL bytes are wrong in any."""
    assert messages(whole_lines, rotated(*before), *map(log, before), *map(log, after)) == found


def test_a_line_that_the_rotation_tore_is_none_that_was_before_it() -> None:
    """Its first half is among the bytes before the rotation, and it is told."""
    firing = rotated(GOOD, HALF[:5])
    assert messages(whole_lines, firing, log(GOOD), log(HALF[:5] + GOOD)) == ["half a record in the log"]


def turn(step: int, at_s: float, role: str = "turn") -> Exchange:
    return Exchange(
        at_s=at_s, ended_s=at_s, step=step, role=role, method="POST", path="/turn", request_id="r", status=200
    )


BROKE = FaultFired(at_s=1.0, fault="logs.closed_pipe")
TURNS = [turn(1, 0.9), turn(2, 1.1), turn(3, 1.2)]


def page(text: str) -> Snapshot:
    return Snapshot(at_s=2, name="metrics", status=200, data=text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"# TYPE {METRIC} counter\n{METRIC} 3.0\n", False),
        (f'{METRIC}{{sink="a"}} 0.0\n{METRIC}{{sink="b"}} 1.0\n', False),
        (f"{METRIC} 0.0\n", True),
        (f"{METRIC}_created 17.0\nother_{METRIC} 1.0\n", True),
    ],
)
def test_lines_that_were_lost_are_counted(text: str, found: bool) -> None:
    """The counter, with labels or without, has risen; another metric says nothing."""
    told = [f"{METRIC} counts none of the lines that were lost"] if found else []
    assert messages(drops_counted, BROKE, *TURNS, page(text)) == told


def test_where_no_line_need_have_been_lost_no_counter_is_asked() -> None:
    """Without a firing, without turns that met the broken sink for certain, or without the promise, nothing is told."""
    zero = page(f"{METRIC} 0.0\n")
    assert messages(drops_counted, *TURNS, zero) == []
    assert messages(drops_counted, FaultFired(at_s=1, fault="logs.slow_sink"), *TURNS, zero) == []
    assert messages(drops_counted, BROKE, turn(1, 0.9), turn(2, 1.1), turn(4, 1.3, "golden"), zero) == []
    assert messages(drops_counted, BROKE, *TURNS, zero, metric=None) == []
