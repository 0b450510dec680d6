"""From lines of text to records: JSON lines, uvicorn's access lines, and whatever else stands there.

A line that no format knows keeps its text and has no event: it is counted, never dropped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from harness.history import LogRecord

_ACCESS = re.compile(
    r'^(?P<level>[A-Z]+):\s+(?:(?P<client>\S+) - )?"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" '
    r"(?P<status>\d{3})(?: (?P<phrase>.*))?$"
)
_OWN = ("event", "level", "logger", "request_id", "timestamp")


def parse(lines: Iterable[str], *, source: str = "app") -> Iterator[LogRecord]:
    """One record for each line that is not blank; `source` is what a line is that is no access line."""
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if text.strip():
            yield (
                _access(text, number)
                or _json(text, number, source)
                or LogRecord(source=source, line=number, text=text)
            )


def _access(text: str, number: int) -> LogRecord | None:
    """The record of an access line as uvicorn writes it; its event is the line from the method on."""
    match = _ACCESS.match(text)
    if match is None:
        return None
    fields = {"method": match["method"], "path": match["path"], "status_code": int(match["status"])}
    event = f"{match['status']} {match['phrase'] or ''}".strip()
    return LogRecord(
        source="access", line=number, text=text, event=event, level=match["level"].lower(), fields=fields
    )


def _json(text: str, number: int, source: str) -> LogRecord | None:
    """The record of a JSON line that carries an event."""
    if not text.startswith("{"):
        return None
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict) or not isinstance(values.get("event"), str):
        return None
    own = {name: _word(values, name) for name in _OWN}
    fields = {name: value for name, value in values.items() if name not in _OWN}
    return LogRecord(source=source, line=number, text=text, fields=fields, **own)


def _word(values: Mapping[str, Any], name: str) -> str | None:
    """The value as text, whatever the application put there."""
    value = values.get(name)
    return None if value is None else str(value)
