"""Small constructors for what the gates judge."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.gates import LogTally, Observations, TurnSent
from harness.history import Contract, LogRecord


@pytest.fixture
def contract() -> Contract:
    """What the reference service promises, as far as the gates ask."""
    return Contract(
        turn_path="/turn",
        deadline_s=1.8,
        statuses=(200, 503),
        completion_event="api_request_complete",
        forbidden_events=("skipped",),
        forbidden_texts=("was never awaited",),
        primary_method="conversation_aware",
    )


@pytest.fixture
def turn() -> Callable[..., TurnSent]:
    """A turn that was answered well in 10 ms, but for what is given."""

    def make(request_id: str = "r1", **values: Any) -> TurnSent:
        good: dict[str, Any] = {
            "endpoint": "POST /turn",
            "status": 200,
            "started_s": 1.0,
            "ended_s": 1.01,
            "turn": 1,
            "turn_seen": 1,
            "method": "conversation_aware",
        }
        return TurnSent(request_id=request_id, **{**good, **values})

    return make


@pytest.fixture
def record() -> Callable[..., LogRecord]:
    """A log record of the app."""

    def make(
        event: str | None = None, request_id: str | None = None, *, text: str = "", **fields: Any
    ) -> LogRecord:
        return LogRecord(source="app", line=1, text=text, event=event, request_id=request_id, fields=fields)

    return make


@pytest.fixture
def seen(contract: Contract) -> Callable[..., Observations]:
    """Observations of these turns and these log records."""

    def make(
        turns: list[TurnSent], records: list[LogRecord] | None = None, texts: tuple[str, ...] = ()
    ) -> Observations:
        log = None if records is None else LogTally.of(records, contract, texts)
        return Observations(turns=tuple(turns), log=log)

    return make
