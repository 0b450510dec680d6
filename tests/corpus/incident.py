"""From the history of a run to the log of an incident: no request ids, no times, shuffled, among healthy lines."""

import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from harness.history import LogRecord

STRIPPED = ("request_id", "timestamp")
_ID = re.compile(r"\b[0-9a-f]{12}\b")


def requests_of(logs: Iterable[LogRecord]) -> list[list[str]]:
    """The lines of a log, those of one request together; a line that names none stands alone."""
    groups: dict[str, list[str]] = {}
    for number, record in enumerate(logs):
        groups.setdefault(record.request_id or f"alone {number}", []).append(stripped(record))
    return list(groups.values())


def stripped(record: LogRecord) -> str:
    """The text of a line, without what names its request and its time."""
    try:
        values = json.loads(record.text)
    except ValueError:
        return record.text
    if not isinstance(values, dict):
        return record.text
    return json.dumps({key: value for key, value in values.items() if key not in STRIPPED})


def healthy_requests(runs: Sequence[list[list[str]]], draw: random.Random, lines: int) -> Iterator[list[str]]:
    """Requests of whole runs, drawn until there are so many `lines`; each copy of a run has sessions of its own."""
    while runs and lines > 0:
        copy = draw.random()
        for group in draw.choice(runs):
            if lines <= 0:
                return
            yield [_ID.sub(lambda found: _other(found[0], copy), line) for line in group]  # noqa: B023  # used at once
            lines -= len(group)


def shuffled(groups: Iterable[list[str]], draw: random.Random) -> list[str]:
    """The lines of requests, one after the other, those of each in any order."""
    return [line for group in groups for text in draw.sample(group, len(group)) for line in text.splitlines()]


def _other(name: str, copy: float) -> str:
    """An id of the same form."""
    return sha256(f"{copy} {name}".encode()).hexdigest()[:12]
