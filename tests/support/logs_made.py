"""Records of a log as the gates see them, made from what a test is about."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.gates.log_counts import LogCounts
from harness.history import Contract, LogRecord

COMPLETE, CLASSIFIED = "api_request_complete", "intent_classification_success"
BEGAN = datetime(2026, 7, 29, 12, tzinfo=UTC)


def line(
    event: str, at_s: float | None = None, *, source: str = "app", text: str = "", **fields: Any
) -> LogRecord:
    """One record, `at_s` seconds after the log begins; without, it has no time."""
    timestamp = None if at_s is None else (BEGAN + timedelta(seconds=at_s)).isoformat()
    return LogRecord(
        source=source, line=1, text=text or event, event=event, timestamp=timestamp, fields=fields
    )


def turn(
    at_s: float | None = None, *, status: int = 200, method: str = "conversation_aware", **fields: Any
) -> list[LogRecord]:
    """The records of one turn: classified, where it was answered well, and complete."""
    good = status < 400
    told = {
        "status_code": status,
        "success": good,
        "complete": True,
        "route": "/turn",
        "execution_time_seconds": 0.02,
    }
    records = [line(CLASSIFIED, at_s, method=method)] if good else []
    return [*records, line(COMPLETE, at_s, **{**told, **fields})]


def access(status: int, path: str = "/turn", phrase: str = "OK") -> LogRecord:
    """One access line."""
    text = f'INFO: "POST {path} HTTP/1.1" {status} {phrase}'
    return line(
        f"{status} {phrase}", source="access", text=text, method="POST", path=path, status_code=status
    )


def turns(count: int, **fields: Any) -> Iterator[LogRecord]:
    """So many turns, one each second."""
    for number in range(count):
        yield from turn(float(number), **fields)


def counted(contract: Contract, *records: LogRecord) -> LogCounts:
    """The counts of a log."""
    return LogCounts.of(records, contract)
