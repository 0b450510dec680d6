"""Sends turns and counts what came of them: what a generator does at each request, whatever made it due."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import orjson

from harness.gates.cells import Cell
from harness.gates.durations import Durations
from harness.load.conversations import Conversation
from harness.load.counting import Counting
from harness.load.frames import Part
from harness.load.plan import Plan
from harness.rig import Incoming
from harness.targets.events import EVENT_STREAM, Answered
from harness.targets.exchanging import turn_headers
from harness.targets.witness import NONCE_HEADER

MICROSECONDS = 1_000_000
FAILED_EVENT = "error"
"""How the last event of a stream is called that did not come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back: a status, 0 where no whole answer did, which `error` explains then.

    The names of `headers` are small letters. `first_s` is when the first piece of a stream came; None of any other answer.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    error: str = ""
    first_s: float | None = None


Send = Callable[[str, str, bytes, Mapping[str, str]], Response]
"""Sends a method, a path, a body and headers, and waits for the whole answer."""


@dataclass(slots=True, kw_only=True)
class Second:
    """What a generator notes of itself since its last report; `answers` are number, status and place of the phase of each request."""

    due: int = 0
    sent: int = 0
    dropped: int = 0
    strangers: int = 0
    drifts_us: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def part(self, **of_itself: Any) -> Part:
        """The report, with what else the generator says `of_itself`."""
        drift = Durations()
        drift.add(self.drifts_us)
        return Part(
            due=self.due,
            sent=self.sent,
            dropped=self.dropped,
            strangers=self.strangers,
            drift=drift,
            **of_itself,
        )


def _held_to_its_end(response: Response, answered: Answered) -> Response:
    """A stream; one that says last that it failed, or says nothing, is no answer, whatever its status."""
    last = answered.body[-1]["event"] if answered.is_stream and answered.body else None
    if response.first_s is not None and last not in (None, FAILED_EVENT):
        return response
    told = "its stream ended with an error" if last == FAILED_EVENT else "no event came of its stream"
    return replace(response, status=0, error=told)


class Sender:
    """Holds the turns of one generator; times are seconds of its monotonic clock, the run began at `began_s`."""

    def __init__(self, plan: Plan, counting: Counting) -> None:
        self._plan = plan
        self._counting = counting
        self._endpoint = f"{plan.turn.method} {plan.turn.path}"
        accept = {"Accept": EVENT_STREAM if plan.streams else "application/json"}
        coding = {"Accept-Encoding": "identity"}
        self._headers = {"Content-Type": "application/json", **accept, **coding, **turn_headers(plan.turn)}
        self._phases = {name: index for index, name in enumerate(plan.phase_names)}
        self.second = Second()
        self.began_s = time.monotonic()

    def hold(self, send: Send, conversation: Conversation, *, due_s: float, phase: str, number: int) -> bool:
        """Hold the next turn of a conversation; whether it may go on after it."""
        plan, second, request_id = self._plan, self.second, f"{self._plan.prefix}{number}"
        said = plan.turn.render(conversation.say(), conversation.session, stream=plan.streams)
        sent_s = time.monotonic()
        second.sent += 1
        second.drifts_us.append(max(0, int((sent_s - due_s) * MICROSECONDS)))
        response = send(
            plan.turn.method,
            plan.turn.path,
            orjson.dumps(said),
            {**self._headers, "X-Request-ID": request_id},
        )
        ended_s = time.monotonic()
        # The answer may belong to a later second than the request.
        self._signed(response)
        answered = Answered.of(Incoming(status=None, headers=dict(response.headers), body=response.content))
        if plan.streams and response.status // 100 == HTTPStatus.OK // 100:
            response = _held_to_its_end(response, answered)
        self._note(number, response, phase)
        latency_us, service_us = int((ended_s - due_s) * MICROSECONDS), int((ended_s - sent_s) * MICROSECONDS)
        at_us = int((ended_s - self.began_s) * MICROSECONDS)
        key = (plan.scenario, self._endpoint, phase)
        if response.status // 100 != HTTPStatus.OK // 100:
            told = f"{request_id} -> {response.status or response.error} after {ended_s - sent_s:.3f} s"
            shed = "retry-after" in response.headers
            self._counting.failed(key, response.status, at_us, latency_us, told, shed=shed)
            return False  # whether that turn counts is the service's secret: no later one could be held to a number
        cell = self._counting.succeeded(
            key, response.status, at_us, latency_us, service_us, request_id=request_id
        )
        if response.first_s is not None:
            self._counting.first_token(key, int((response.first_s - due_s) * MICROSECONDS))
        self._said(cell, conversation, answered, request_id)
        return conversation.session is not None

    def _said(self, cell: Cell, conversation: Conversation, answered: Answered, request_id: str) -> None:
        """Count what an answer says of itself, and keep the session that it gives."""
        if (method := answered.first("/method")) is not None:
            cell.methods[str(method)] += 1
        cell.later += conversation.turn > 1
        if (turn := answered.first("/turn")) not in (None, conversation.turn):
            cell.forgotten += 1
            cell.example("forgotten", f"{request_id}: turn {conversation.turn} was answered as {turn}")
        if conversation.session is None and self._plan.turn.session:
            found: Any = answered.first(self._plan.turn.session)
            conversation.session = None if found is None else str(found)

    def _signed(self, response: Response) -> None:
        """Hold an answer to the nonce, as soon as there is anything of one."""
        nonce, headers = self._plan.nonce, response.headers
        if nonce is not None and (response.status or headers) and headers.get(NONCE_HEADER) != nonce:
            self.second.strangers += 1

    def _note(self, number: int, response: Response, phase: str) -> None:
        """Keep the number of an answer, with its status and its phase, where it is to be compared with the log."""
        if self._plan.compared:
            self.second.answers += (number, response.status, self._phases[phase])
