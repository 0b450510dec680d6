"""What must hold under a fault of the log plane beside the universal invariants."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from harness.history import LOGS, SNAPSHOTS, FaultFired, History, Snapshot
from harness.reading import samples
from harness.registry import oracle
from harness.verdict import Finding

LONG_LINES = "logs.long_lines"
ROTATION = "logs.rotation"
BROKEN = frozenset({"logs.closed_pipe", "logs.disk_full", "logs.sink_raises"})
STEPS_MIN = 2
SHOWN_CHARACTERS = 80
_BEGUN = re.compile(r"shakeout line \S+ x")
_LONG = re.compile(r"shakeout line (\S+) x+ (\S+) ends")
_ROTATED = re.compile(r"(\d+) bytes before it")
_LOGGED = re.compile(r"line (\S+) of (\d+) bytes")


def long_line(number: str, line_bytes: int) -> str:
    """A line of so many bytes, with its number at both ends."""
    head, tail = f"shakeout line {number} ", f" {number} ends"
    return head + "x" * (line_bytes - len(head) - len(tail)) + tail


@oracle("logs.long_lines.whole", witnesses={LOGS})
def long_lines_whole(history: History) -> Iterable[Finding]:
    """Each long line that was logged is whole in the log, once, and in a line of its own.

    Where the target writes to more than one place, to its standard output and to a file say, it is in each of them.
    """
    logged = dict(_long_lines(history))
    found: dict[str, Counter[str]] = {}
    for record in history.logs:
        for line in record.text.splitlines():
            if not _BEGUN.search(line):
                continue
            whole = [match[1] for match in _LONG.finditer(line) if _is_whole(match, logged)]
            found.setdefault(record.source, Counter()).update(whole)
            if len(whole) > 1 or (whole and _torn(line)):
                message = f"line {whole[0]} is run together with another"
                yield Finding(message=message, evidence=_place(record.source, record.line, line))
    for source, times in (found or {"the log": Counter[str]()}).items():
        for number, line_bytes in logged.items():
            if times[number] != 1:
                what = f"is {times[number]} times in" if times[number] else "is not, or not whole, in"
                message = f"a line of {line_bytes} bytes {what} {source}"
                yield Finding(message=message, evidence=f"line {number}")


@oracle("logs.rotation.whole_lines", witnesses={LOGS})
def whole_lines(history: History) -> Iterable[Finding]:
    """No line of the log holds NUL bytes, which a writer leaves that does not append, and none is half a record.

    That is judged where each line before the rotation that begins as an object of JSON is one: else it is no JSON.
    """
    is_json = not any(map(_torn, _before_rotation(history)))
    for record in history.logs:
        for line in record.text.splitlines() if record.source == "app" else ():
            place = _place(record.source, record.line, line)
            if count := line.count("\0"):
                yield Finding(message=f"{count} NUL bytes in a line of the log", evidence=place)
            elif is_json and _torn(line):
                yield Finding(message="half a record in the log", evidence=place)


@oracle("logs.drops_counted", witnesses={SNAPSHOTS}, promises=("dropped_lines_metric",))
def drops_counted(history: History) -> Iterable[Finding]:
    """The counter of lines that could not be written has counted some.

    It is asked for where turns of two steps or more came after the sink broke: the first of them met it broken.
    """
    metric = history.header.contract.dropped_lines_metric
    broke = [one.at_s for one in history.of(FaultFired) if one.fault.partition("#")[0] in BROKEN]
    after = {turn.step for turn in history.turns if turn.role == "turn" and turn.at_s > min(broke, default=0)}
    if metric is None or not broke or len(after) < STEPS_MIN:
        return
    if not any(value for snapshot in history.of(Snapshot) for value in samples(snapshot, metric)):
        yield Finding(
            message=f"{metric} counts none of the lines that were lost", evidence="snapshot metrics"
        )


def _long_lines(history: History) -> Iterator[tuple[str, int]]:
    """The numbers of the lines that were logged, each with its length."""
    for one in history.of(FaultFired):
        if one.fault.partition("#")[0] == LONG_LINES and (match := _LOGGED.match(one.detail)):
            yield match[1], int(match[2])


def _before_rotation(history: History) -> Iterator[str]:
    """The lines of the app's own log that had ended when it was rotated first, by the bytes that were in it."""
    rotated = (
        _ROTATED.search(one.detail) for one in history.of(FaultFired) if one.fault.startswith(ROTATION)
    )
    left = next((int(match[1]) for match in rotated if match is not None), 0)
    for record in history.logs:
        if record.source == "app":
            left -= len(record.text.encode(errors="replace")) + 1
            if left < 0:
                return
            yield from record.text.splitlines()


def _is_whole(match: re.Match[str], logged: dict[str, int]) -> bool:
    """Whether what looks like a long line is one that was logged, to its last byte."""
    return match[1] in logged and match[0] == long_line(match[1], logged[match[1]])


def _torn(line: str) -> bool:
    """Whether a line begins as an object of JSON does, and is none."""
    if not line.startswith("{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _place(source: str, number: int, line: str) -> str:
    """A line as evidence, however long it is."""
    return f"{source} log line {number}: {line[:SHOWN_CHARACTERS]!r}, {len(line)} characters"
