"""Ids that a log gives to more than one request."""

from typing import Any

import pytest

from harness.gates import log_ids as module
from harness.gates.log_ids import Ids
from harness.history import LogRecord

DONE = "done"


def record(request_id: str | None, event: str = DONE, **fields: Any) -> LogRecord:
    """A line of the service."""
    return LogRecord(line=1, source="app", text="", event=event, request_id=request_id, fields=fields)


def doubtful(*records: LogRecord) -> int:
    """How many ids are, by these lines."""
    ids = Ids()
    for one in records:
        ids.add(one, completes=one.event == DONE)
    return ids.doubtful


@pytest.mark.parametrize(("records", "count"), [
    ((record("a", status_code=500), record("a", status_code=200)), 1),
    ((record("a", "told", session_id="s"), record("a", conversation="t")), 1),
    ((record("a", session_id="s"), record("a", "told"), record("a", "told", session_id="t")), 1),
    ((record("a", status_code=500), record("a", status_code=200), record("a", status_code=404)), 1),
    ((record("a", status_code=500), record("b", status_code=200)), 0),
    ((record("a", session_id="s", status_code=200), record("a", session_id="s", status_code=200)), 0),
    ((record("a", "provider_failed", status_code=500), record("a", status_code=200)), 0),
    ((record(None, correlation_id="a", status_code=500), record(None, correlation_id="a", status_code=200)), 1),
    ((record(None, status_code=500), record(None, status_code=200)), 0),
])  # fmt: skip
def test_an_id_of_two_sessions_or_two_endings_counts_once(records: tuple[LogRecord, ...], count: int) -> None:
    """However often it differs; the status of a line that completes nothing is not the request's."""
    assert doubtful(*records) == count


def test_no_more_ids_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that came first is forgotten first: what it says later begins anew."""
    monkeypatch.setattr(module, "REMEMBERED_MAX", 2)
    first, last = record("a", status_code=500), record("a", status_code=200)
    assert doubtful(first, record("b"), last) == 1
    assert doubtful(first, record("b"), record("c"), last) == 0
