"""An app whose provider streams what a test says, and a client that reads the events as they come."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import ASGIApp, Message

from harness.provider.streams import streamed
from harness.rig import Reply
from reference_app.components import Parts
from reference_app.provider import ProviderClient

SAID = {"intent": "question", "confidence": 0.9, "reply": "Gladly: this is how it is done, piece by piece."}
ASKS = (b"accept", b"text/event-stream")


def completion(said: Any, *, finish: str = "stop", **message: Any) -> bytes:
    """A plain completion whose model wrote `said`."""
    text = said if isinstance(said, str) else json.dumps(said)
    choice = {"index": 0, "message": {"content": text} | message, "finish_reason": finish}
    return orjson.dumps({"choices": [choice]})


def parts(said: Any, **options: Any) -> list[Any]:
    """The events into which the simulated provider cuts the completion."""
    reply = streamed(Reply(headers={}, body=completion(said, **options)))
    return [part for part in reply.parts if isinstance(part, bytes)]


class Body(httpx.AsyncByteStream):
    """A streamed body: pieces are sent, events waited for, seconds let pass, exceptions raised; `left` says that nobody wants the rest."""

    def __init__(self, pieces: list[Any], left: asyncio.Event) -> None:
        self._pieces = pieces
        self._left = left

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for piece in self._pieces:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                elif isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    yield piece
                    await asyncio.sleep(0)  # as between two reads of a wire
        except asyncio.CancelledError:
            self._left.set()
            raise


class StreamingProvider(httpx.AsyncBaseTransport):
    """A provider that streams `pieces` to who asks for a stream, and answers level 1 with `structured`."""

    def __init__(self) -> None:
        self.pieces: list[Any] = parts(SAID)
        self.headers = {"content-type": "text/event-stream"}
        self.structured: dict[str, Any] = {"intent": "email_request", "confidence": 0.93}
        self.calls: list[dict[str, Any]] = []
        self.left = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = json.loads(await request.aread())
        self.calls.append(call)
        if "response_format" in call:
            return httpx.Response(200, content=completion(self.structured))
        if not call.get("stream"):
            return httpx.Response(200, content=completion(SAID))
        return httpx.Response(200, headers=self.headers, stream=Body(self.pieces, self.left))


Event = tuple[str, dict[str, Any]]


def events_of(body: bytes) -> list[Event]:
    """The events in a body; it must hold nothing else."""
    *blocks, rest = body.decode().split("\n\n")
    assert rest == ""
    found = []
    for block in blocks:
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@dataclass(kw_only=True)
class Reading:
    """A client that has asked for a stream, and what it has had of it so far."""

    app: ASGIApp
    wire: Any
    on_part: Callable[[bytes], Any] | None = None
    parts: list[bytes] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def start(self) -> "Reading":
        """Send the request."""
        self.reads.set()
        self.task = asyncio.ensure_future(self.app(self.wire.scope, self.wire.receive, self.send))
        return self

    async def send(self, message: Message) -> None:
        """What the server's `send` does: a client that does not read holds it up."""
        await self.reads.wait()
        await self.wire.send(message)
        if body := message.get("body", b""):
            self.parts.append(body)
            if self.on_part is not None:
                self.on_part(body)
            self.began.set()

    def leave(self) -> None:
        """Go away."""
        self.wire.left.set()

    @property
    def events(self) -> list[Event]:
        """The events so far."""
        return events_of(b"".join(self.parts))

    @property
    def text(self) -> str:
        """The reply so far."""
        return "".join(data["text"] for name, data in self.events if name == "chunk")

    @property
    def ended(self) -> bool:
        """True once the answer has its end."""
        return any(
            m["type"] == "http.response.body" and not m.get("more_body", False) for m in self.wire.sent
        )


@dataclass(kw_only=True)
class Streaming:
    """A running app with a provider that streams."""

    service: Any
    provider: StreamingProvider
    wire: Any

    def ask(self, message: str = "hello", session: str | None = None, **headers: str) -> Reading:
        """Ask for a turn as a stream; the client is not started yet."""
        body = {"message": message} | ({"session_id": session} if session is not None else {})
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        wire = self.wire(body=json.dumps(body).encode(), headers=(ASKS, *sent))
        return Reading(app=self.service.app, wire=wire)

    async def turn(self, message: str = "hello", session: str | None = None, **headers: str) -> Reading:
        """Hold a turn as a stream, to its end."""
        reading = self.ask(message, session, **headers).start()
        assert reading.task is not None
        await reading.task
        return reading

    async def messages(self, session: str) -> list[str]:
        """The messages of the turns that are stored."""
        read = await self.service.client.get(f"/sessions/{session}")
        return [turn["message"] for turn in read.json()["turns"]]


Start = Callable[..., AbstractAsyncContextManager[Streaming]]


@pytest.fixture
def streaming(serve: Any, wire: Any) -> Start:
    """Start an app over a provider that streams: arguments are those of `serve`."""

    @asynccontextmanager
    async def start(*, factories: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Streaming]:
        provider = StreamingProvider()

        def client(made: Parts) -> ProviderClient | None:
            if made.settings.provider_url is None:
                return None
            return ProviderClient(made.settings, transport=provider)

        async with serve(factories={"client": client} | (factories or {}), **settings) as service:
            yield Streaming(service=service, provider=provider, wire=wire)

    return start


@dataclass(frozen=True)
class Kit:
    """What the tests build with."""

    said: dict[str, Any]
    parts: Callable[..., list[Any]]
    completion: Callable[..., bytes]


@pytest.fixture
def kit() -> Kit:
    """Factories of what the provider sends."""
    return Kit(SAID, parts, completion)
