"""Histories from small constructors, so that each test says only what it is about."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from command_line import shakeout

from harness.history import (
    WITNESSES,
    Contract,
    Exchange,
    Header,
    History,
    LogRecord,
    Probe,
    Record,
    Snapshot,
    UpstreamCall,
)

__all__ = ["shakeout"]

CONTRACT = Contract(
    turn_path="/turn",
    deadline_s=1.0,
    statuses=(200, 404, 503),
    request_ids=True,
    problem_media_type="application/problem+json",
    completion_event="done",
    response_metric="responses_total",
    forbidden_events=("skipped",),
    forbidden_texts=("was never awaited",),
    primary_method="first",
    fallback_reasons=("deadline",),
    health_path="/health",
    provider_calls_per_turn_max=2,
    loop_lag_ms_max=100.0,
)


class Made:
    """Makes records of a healthy run; keyword arguments change what a test is about."""

    silent = replace(CONTRACT, request_ids=False)
    """The contract of a service that passes no request id on."""

    def header(self, **changes: Any) -> Header:
        """A header of a trusted run."""
        values: dict[str, Any] = {
            "scenario": "made",
            "seed": 1,
            "stage": "live",
            "target": "made",
            "arm": "faulted",
            "contract": CONTRACT,
            "witnesses": tuple(sorted(WITNESSES)),
            "nonce_matched": True,
        }
        return Header(**{**values, **changes})

    def turn(self, number: int = 1, **changes: Any) -> Exchange:
        """The answered turn `number` of session a; request r-NUMBER, from second NUMBER to a tenth later."""
        request_id = changes.pop("request_id", f"r-{number}")
        session = changes.get("session", "a")
        status = changes.get("status", 200)
        ok = {
            "session_id": f"s-{session}",
            "turn": number,
            "response": f"answer {number}",
            "method": "first",
            "fallbacks": [],
        }
        problem = {"request_id": request_id, "title": "no"}
        media = "application/json" if status == 200 else "application/problem+json"
        values: dict[str, Any] = {
            "at_s": float(number),
            "ended_s": number + 0.1,
            "step": 0,
            "role": "turn",
            "session": session,
            "session_id": f"s-{session}",
            "method": "POST",
            "path": "/turn",
            "request_id": request_id,
            "message": f"message {number}",
            "status": status,
            "headers": {"x-request-id": request_id, "content-type": media},
            "body": ok if status == 200 else problem,
        }
        return Exchange(**{**values, **changes})

    def completion(self, turn: Exchange, **changes: Any) -> LogRecord:
        """The completion record of a turn, as it should be."""
        fields = {
            "status_code": turn.status,
            "success": (turn.status or 500) < 400,
            "complete": True,
            **changes.pop("fields", {}),
        }
        record = LogRecord(
            source="app", line=1, text="done", event="done", request_id=turn.request_id, fields=fields
        )
        return replace(record, **changes)

    def call(self, turn: Exchange, told: tuple[str, ...] = (), **changes: Any) -> UpstreamCall:
        """The conversation-level call that a turn makes, told the earlier messages given."""
        own = (turn.message,)
        values: dict[str, Any] = {
            "at_s": turn.at_s + 0.01,
            "ended_s": turn.at_s + 0.05,
            "call": 1,
            "level": "conversation",
            "request_id": turn.request_id,
            "messages": tuple({"role": "user", "content": text} for text in (*told, *own)),
            "status": 200,
        }
        return UpstreamCall(**{**values, **changes})

    def probe(self, phase: str, **changes: Any) -> Probe:
        """What a healthy child says."""
        values: dict[str, Any] = {
            "at_s": 9.0,
            "phase": phase,
            "loop_lag_ms_max": 1.0,
            "tasks": 3,
            "threads": 4,
            "descriptors": 20,
        }
        return Probe(**{**values, **changes})

    def stored(self, *turns: Exchange, label: str = "a", **changes: Any) -> Snapshot:
        """A session as it should be stored after these turns."""
        rows = [
            {
                "turn": number,
                "message": turn.message,
                "response": turn.body["response"],
                "request_id": turn.request_id,
            }
            for number, turn in enumerate(turns, start=1)
        ]
        values: dict[str, Any] = {
            "at_s": 10.0,
            "name": f"session:{label}",
            "status": 200,
            "data": {"turns": rows},
        }
        return Snapshot(**{**values, **changes})

    def history(self, *records: Record, **header: Any) -> History:
        """A history of these records."""
        return History(header=self.header(**header), records=records)


@pytest.fixture
def made() -> Made:
    """The maker of records."""
    return Made()


class Unlogged(Made):
    """Makes records of a service that promises none of its requests in its log."""

    def header(self, **changes: Any) -> Header:
        """A header of a trusted run."""
        silent = replace(CONTRACT, completion_event=None)
        return super().header(**{"contract": silent, **changes})


@pytest.fixture
def unlogged() -> Made:
    """The maker of records whose log may be empty."""
    return Unlogged()


Findings = Callable[[str, History], list[str]]


@pytest.fixture
def findings() -> Findings:
    """Judges a history by one invariant and gives the messages of what it found."""
    from harness.registry import INVARIANTS  # noqa: PLC0415  # kept from the import of every other test

    def judged(name: str, history: History) -> list[str]:
        return [finding.message for finding in INVARIANTS.get(name)(history)]

    return judged
