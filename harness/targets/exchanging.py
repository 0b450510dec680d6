"""One request after the other: sent under an id of its own, its answer held to the nonce, and both recorded."""

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from harness.history import Exchange
from harness.rig import LEFT, Incoming, Outgoing
from harness.targets.driven import Driven, Job, Recorder
from harness.targets.events import Answered, value_of
from harness.targets.template import VARIABLE, TurnTemplate
from harness.targets.witness import NONCE_HEADER

REQUEST_ID = "x-request-id"
KEPT_BYTES_MAX = 10_000
"""Of a longer request the history keeps the beginning: a fault may send megabytes."""


@runtime_checkable
class OwnWay(Protocol):
    """A request that no client would send as it is: it goes to the target on a connection that it opens itself."""

    @property
    def base_url(self) -> str:
        """Where it goes, if not to the target itself."""

    async def over(self, address: tuple[str, int]) -> Incoming:
        """Send it to the target at `address`, and read what comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a turn says: the label of its session, the id it is sent under, its message, and the unique word in that."""

    session: str
    session_id: str | None = None
    message: str | None = None
    canary: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent and what came back, with the run's time at both ends."""

    outgoing: Outgoing
    incoming: Incoming
    at_s: float
    ended_s: float


class Exchanges:
    """Sends the requests of one run and records them."""

    def __init__(self, job: Job, driven: Driven, recorder: Recorder, *, nonce: str) -> None:
        self.recorder = recorder
        self.nonce_matched = True
        self._seed = job.seed
        self._template = job.profile.turn
        self._untold = {REQUEST_ID, "content-type", *turn_headers(self._template)}
        self._driven = driven
        self._nonce = nonce
        self._sent = 0

    def next_id(self) -> str:
        """An id that no other request of the run has."""
        self._sent += 1
        return f"run-{self._seed}-{self._sent:05d}"

    @property
    def address(self) -> tuple[str, int] | None:
        """Where the target listens; None where there is no wire."""
        found: tuple[str, int] | None = getattr(self._driven, "address", None)
        return found

    async def sent(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Sent:
        """Send one request; with `leave_after_s` the client goes away after so long."""
        at_s = self.recorder.now()
        if isinstance(outgoing, OwnWay):
            incoming = await self._over(outgoing, leave_after_s)
        else:
            incoming = await self._driven.send(outgoing, leave_after_s=leave_after_s)
            if incoming.status is not None and incoming.headers.get(NONCE_HEADER) != self._nonce:
                self.nonce_matched = False
        return Sent(outgoing, incoming, at_s, self.recorder.now())

    async def _over(self, outgoing: OwnWay, leave_after_s: float | None) -> Incoming:
        """Let a request go its own way; what answers there may be the server itself, which knows no nonce."""
        address = place_of(outgoing.base_url) if outgoing.base_url else self.address
        assert address is not None, "a fault that needs a wire is played live"
        try:
            async with asyncio.timeout(leave_after_s):
                return await outgoing.over(address)
        except TimeoutError:
            return Incoming(status=None, error=LEFT)

    def noted(
        self,
        sent: Sent,
        *,
        step: int,
        role: str,
        said: Said | None = None,
        expected: tuple[int, ...] = (),
        fault: str = "",
    ) -> Exchange:
        """Record one request and its answer."""
        outgoing, incoming = sent.outgoing, sent.incoming
        answered = Answered.of(incoming)
        exchange = Exchange(
            at_s=sent.at_s,
            ended_s=sent.ended_s,
            step=step,
            role=role,
            method=outgoing.method,
            path=outgoing.path,
            request_id=outgoing.headers[REQUEST_ID],
            request=_kept(outgoing.body),
            request_headers={
                name: value for name, value in outgoing.headers.items() if name not in self._untold
            },
            status=incoming.status,
            headers=incoming.headers,
            body=answered.body,
            error=incoming.error,
            left=incoming.error == LEFT,
            expected=expected,
            fault=fault,
            **({} if said is None else self._told(said, answered, incoming)),
        )
        self.recorder.records.append(exchange)
        return exchange

    def _told(self, said: Said, answered: Answered, incoming: Incoming) -> dict[str, Any]:
        """What is on record of a turn beside what any request has.

        A good answer that names no session is one of the session that was asked: some name it in the first alone.
        """
        template = self._template
        session_id = answered.first(template.session) if template.session else None
        if (
            session_id is None
            and template.session
            and incoming.status == HTTPStatus.OK
            and not incoming.error
        ):
            session_id = said.session_id
        return {
            "session": said.session,
            "session_id": None if session_id is None else str(session_id),
            "message": said.message,
            "canary": said.canary,
            "reply": None if template.reply is None else answered.reply(template.reply),
        }


def place_of(base_url: str) -> tuple[str, int]:
    """Where a base URL is, as a socket wants it."""
    where = urlsplit(base_url)
    return where.hostname or "127.0.0.1", where.port or (443 if where.scheme == "https" else 80)


def turn_headers(template: TurnTemplate) -> dict[str, str]:
    """The headers that go with every turn, those of the environment put in; no history keeps them: one may be a key."""
    return {
        name.lower(): VARIABLE.sub(lambda found: os.environ[found[1]], value)
        for name, value in template.headers.items()
    }


def _kept(body: bytes) -> Any:
    """What a history keeps of a request's body."""
    if len(body) > KEPT_BYTES_MAX:
        return f"{body[:100]!r}... ({len(body)} bytes)"
    return value_of(body) if body else None
