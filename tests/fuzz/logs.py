"""Logs of all formats, damaged at random from a seed: whatever they hold, no byte is lost and each record can be stored.

python -m tests.fuzz.logs --lines 1000000              as many lines as that; 1 at the first log that is not read right
python -m tests.fuzz.logs --seed 7 --first 12 --lines 1    log 12 of seed 7 again
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import orjson

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents import signature_of
from harness.logs import Reading, template
from tests.fuzz.corpus import FORMATS, mixed
from tests.fuzz.damages import damaged

LINES_A_LOG = 60
LONG_EVERY = 1_000
"""So many logs have one of ten megabytes among them."""

SAID_EVERY = 100_000
LONG_BYTES = 10_000_000
SIGNED_EVERY = 10
"""Of one of so many logs a signature is made, too: that takes longer than to read it."""
CONTRACT = Contract(
    turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="api_request_complete"
)
FIRST = b"app INFO a log begins with a line that is whole"
_LONE = re.compile("[\udc80-\udcff]")


class Misread(Exception):
    """A log was not read as it should be; the message says which rule was broken, and where."""


def log_of(choice: random.Random, *, long: bool) -> bytes:
    """A log: records of all formats, torn, spliced, interleaved and damaged."""
    lines = [FIRST]
    while len(lines) < LINES_A_LOG:
        lines += _interleaved(choice) if choice.random() < 0.1 else mixed(choice).encode().split(b"\n")
    share = choice.choice((0.0, 0.1, 0.5, 1.0))
    lines[1:] = [damaged(choice, line) if choice.random() < share else line for line in lines[1:]]
    if long:
        unit = damaged(choice, FORMATS[choice.choice(list(FORMATS))](choice).encode()) or b"x"
        lines.insert(choice.randrange(1, len(lines)), unit * (LONG_BYTES // len(unit)))
    rest = lines[1:]
    if choice.random() < 0.2:
        choice.shuffle(rest)
    data = choice.choice((b"\n", b"\n", b"\r\n", b"\r")).join([FIRST, *rest])
    return data + choice.choice((b"", b"\n", b"\n\n"))


def _interleaved(choice: random.Random) -> list[bytes]:
    """The lines of two records, as two processes write them into one file."""
    queues = [mixed(choice).encode().split(b"\n"), FORMATS["traceback"](choice).encode().split(b"\n")]
    lines = []
    while any(queues):
        lines.append(choice.choice([queue for queue in queues if queue]).pop(0))
    return lines


def blocks_of(choice: random.Random, data: bytes) -> Iterator[bytes]:
    """The log in blocks, of which only the first is whole lines."""
    begin, end = 0, len(FIRST)
    while begin < len(data):
        yield data[begin:end]
        begin, end = end, end + choice.choice((1, 7, 100, 5_000, 2**18))


def lines_of(data: bytes) -> list[str]:
    """The lines of the log, by other means than the reader's."""
    text = _LONE.sub("\ufffd", data.decode("utf-8", "surrogateescape"))
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check(reading: Reading, lines: list[str], *, signed: bool = False) -> None:
    """Read a log of these lines; where it is `signed`, also make its signature.

    Raises:
        Misread: a line is lost, changed or misplaced, a count is wrong, or a record cannot be stored.
    """
    records = list(reading)
    told = [line for record in records for line in record.text.split("\n") if line.strip()]
    for number, (found, wanted) in enumerate(
        zip(told, (line for line in lines if line.strip()), strict=False)
    ):
        _hold(found == wanted, f"text {number}", f"{found[:200]!r} for {wanted[:200]!r}")
    _hold(len(told) == sum(1 for line in lines if line.strip()), "lines", len(told))
    for record in records:
        _check_record(record, lines)
    _hold(reading.lines == len(lines) - (not lines[-1]), "count of lines", reading.lines)
    _hold(reading.records == len(records), "count of records", reading.records)
    unknown = sum(1 for record in records if record.event is None and "exception" not in record.fields)
    _hold(reading.unknown == unknown, "count of unknown records", reading.unknown)
    counted = sum(one.count for one in reading.templates) + reading.rest
    _hold(counted == unknown, "count of templates", counted)
    for one in reading.templates:
        _hold(template(one.text) == one.text, "template of a template", one.text)
    if signed:
        made = signature_of(records, CONTRACT)
        _hold(
            bool(made.traits) and max(made.traits.values()) <= made.threads, "counts of traits", made.threads
        )


def _check_record(record: LogRecord, lines: list[str]) -> None:
    """A record stands where it says, can be stored, and what it says is text."""
    first = record.text.partition("\n")[0]
    _hold(lines[record.line - 1] == first, "number of a line", f"{record.line}: {first[:200]!r}")
    own = (record.event, record.level, record.logger, record.request_id, record.timestamp)
    _hold(all(value is None or isinstance(value, str) for value in own), "type", own)
    try:
        orjson.dumps(asdict(record), option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError) as error:
        raise Misread(f"cannot be stored: {error}: {record.text[:500]!r}") from error


def _hold(held: bool, rule: str, told: object) -> None:
    if not held:
        raise Misread(f"{rule}: {told}")


def play(seed: int, number: int) -> tuple[int, int]:
    """Make the log of this number and read it: its lines and bytes.

    Raises:
        Misread: it is not read right.
    """
    choice = random.Random(f"{seed} {number}")
    data = log_of(choice, long=number % LONG_EVERY == LONG_EVERY - 1)
    lines = lines_of(data)
    reading = Reading(Path("fuzz.log"), list(blocks_of(choice, data)))
    check(reading, lines, signed=number % SIGNED_EVERY == 0)
    return len(lines), len(data)


def main() -> int:
    """Play so many lines, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    lines = size = 0
    number, before = chosen.first, time.monotonic()
    while lines < chosen.lines:
        try:
            more, length = play(chosen.seed, number)
        except Exception as error:  # noqa: BLE001  # whatever it is, the log that made it is what is wanted
            sys.stdout.write(
                f"--seed {chosen.seed} --first {number} --lines 1: {type(error).__name__}: {error}\n"
            )
            return 1
        if (lines + more) // SAID_EVERY > lines // SAID_EVERY:
            sys.stderr.write(f"{lines + more} lines\n")
        lines, size, number = lines + more, size + length, number + 1
    took_s = time.monotonic() - before
    sys.stdout.write(
        f"{lines} lines in {number - chosen.first} logs, {size / 1e6:.0f} MB, in {took_s:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
