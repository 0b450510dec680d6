"""Sends turns and counts what came of them: what a generator does at each request, whatever made it due."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from harness.gates.durations import Durations
from harness.load.conversations import Conversation
from harness.load.counting import Counting
from harness.load.frames import Part
from harness.load.plan import Plan
from harness.targets.witness import NONCE_HEADER

MICROSECONDS = 1_000_000


class Response(Protocol):
    """What a client gives: a status, 0 where no answer came, which `error` explains then."""

    status_code: int
    content: bytes | None
    headers: Mapping[str, str] | None


Send = Callable[[str, str, bytes, Mapping[str, str]], Response]
"""Sends a method, a path, a body and headers, and waits for the whole answer."""


@dataclass(slots=True, kw_only=True)
class Second:
    """What a generator notes of itself since its last report."""

    due: int = 0
    sent: int = 0
    dropped: int = 0
    strangers: int = 0
    drifts_us: list[int] = field(default_factory=list)

    def part(self, *, worker: int, number: int, cpu: float, ended: bool) -> Part:
        """The report."""
        drift = Durations()
        drift.add(self.drifts_us)
        return Part(
            worker=worker,
            number=number,
            due=self.due,
            sent=self.sent,
            dropped=self.dropped,
            strangers=self.strangers,
            cpu=cpu,
            ended=ended,
            drift=drift,
        )


class Sender:
    """Holds the turns of one generator; times are seconds of its monotonic clock."""

    def __init__(self, plan: Plan, counting: Counting) -> None:
        self._plan = plan
        self._counting = counting
        self._endpoint = f"{plan.turn.method} {plan.turn.path}"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **plan.headers}
        self.second = Second()

    def hold(self, send: Send, conversation: Conversation, *, due_s: float, phase: str, number: int) -> bool:
        """Hold the next turn of a conversation; whether it may go on after it."""
        template = self._plan.turn
        body = orjson.dumps(template.render(conversation.say(), conversation.session))
        request_id = f"load-{self._plan.seed}-{number}"
        sent_s = time.monotonic()
        self.second.sent += 1
        self.second.drifts_us.append(max(0, int((sent_s - due_s) * MICROSECONDS)))
        response = send(template.method, template.path, body, {**self._headers, "X-Request-ID": request_id})
        ended_s = time.monotonic()
        status, headers = response.status_code or 0, response.headers or {}
        if status and self._plan.nonce is not None and headers.get(NONCE_HEADER) != self._plan.nonce:
            self.second.strangers += 1
        key = (self._plan.scenario, self._endpoint, phase)
        if status // 100 != HTTPStatus.OK // 100:
            told = str(status or type(getattr(response, "error", None)).__name__)
            shed = "retry-after" in headers
            self._counting.failed(
                key, status, f"{request_id} -> {told} after {ended_s - sent_s:.3f} s", shed=shed
            )
            return False  # whether that turn counts is the service's secret: no later one could be held to a number
        latency_us, service_us = int((ended_s - due_s) * MICROSECONDS), int((ended_s - sent_s) * MICROSECONDS)
        cell = self._counting.succeeded(key, status, latency_us, service_us, request_id)
        said = _parsed(response.content)
        if isinstance(said, dict) and "method" in said:
            cell.methods[str(said["method"])] += 1
        cell.later += conversation.turn > 1
        if isinstance(said, dict) and "turn" in said and said["turn"] != conversation.turn:
            cell.forgotten += 1
            cell.example(
                "forgotten", f"{request_id}: turn {conversation.turn} was answered as {said['turn']}"
            )
        conversation.session = conversation.session or _pointed(said, template.session)
        return bool(conversation.session)


def _parsed(content: bytes | None) -> Any:
    """The JSON of an answer, or None."""
    try:
        return orjson.loads(content or b"")
    except orjson.JSONDecodeError:
        return None


def _pointed(body: Any, pointer: str) -> str | None:
    """What a JSON pointer (RFC 6901) of object keys points at, as text, or None."""
    for key in pointer.strip("/").split("/"):
        body = body.get(key) if isinstance(body, dict) else None
    return None if body is None else str(body)
