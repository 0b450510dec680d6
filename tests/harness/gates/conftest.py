"""Small constructors for what the gates judge."""

from collections.abc import Callable
from typing import Any

import pytest

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
def record() -> Callable[..., LogRecord]:
    """A log record of the app."""

    def make(
        event: str | None = None, request_id: str | None = None, *, text: str = "", **fields: Any
    ) -> LogRecord:
        return LogRecord(source="app", line=1, text=text, event=event, request_id=request_id, fields=fields)

    return make
