"""A whole app per test: the real parts, a provider behind a transport, and a log that can be read."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Scope

from reference_app.admission import Admission
from reference_app.app import build
from reference_app.components import Components
from reference_app.observability import Observability
from reference_app.outcome import Outcome
from reference_app.settings import Settings


class Provider(httpx.AsyncBaseTransport):
    """A provider that answers each call at once, or holds it while `held` is set."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.held: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.aborted = 0
        self.left = asyncio.Event()
        self.status = 200
        self.answer: dict[str, Any] = {"intent": "question", "confidence": 0.9, "reply": "Like this."}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(json.loads(await request.aread()))
        self.reached.set()
        if self.held is not None:
            try:
                await self.held.wait()
            except asyncio.CancelledError:
                self.aborted += 1
                self.left.set()
                raise
        message = {"role": "assistant", "content": json.dumps(self.answer), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(self.status, json={"id": "1", "object": "chat.completion", "choices": [choice]})


class Output(io.BytesIO):
    """A log that can be read after the app has closed it."""

    def close(self) -> None:
        return


@dataclass(kw_only=True)
class Service:
    """A running app, its client, its provider and its log."""

    app: ASGIApp
    client: httpx.AsyncClient
    provider: Provider
    output: io.BytesIO

    def lines(self) -> list[str]:
        """The lines of the log so far."""
        return self.output.getvalue().decode().splitlines()

    def records(self, event: str | None = None) -> list[dict[str, Any]]:
        """The records of the log so far, of one event or of all."""
        found = [json.loads(line) for line in self.lines()]
        return [record for record in found if event in (None, record["event"])]

    def completions(self) -> list[tuple[int, bool, bool, str]]:
        """Of each completion record its status, success, complete and outcome."""
        return [
            (record["status_code"], record["success"], record["complete"], record["outcome"])
            for record in self.records("api_request_complete")
        ]

    async def turn(self, message: str, session: str | None = None, **headers: str) -> httpx.Response:
        """Hold a turn."""
        body = {"message": message} | ({"session_id": session} if session is not None else {})
        return await self.client.post("/workflow/execute", json=body, headers=headers)


Serve = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Start an app: keyword arguments are settings, but for `factories`, which replace the makers of parts."""

    @asynccontextmanager
    async def start(*, factories: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Service]:
        values = {
            "provider_url": "http://provider.invalid/v1",
            "store_url": f"sqlite:///{tmp_path}/sessions.db",
            "deadline_s": 5.0,
            "conversation_level_s": 4.0,
        }
        provider, output = Provider(), Output()
        components = Components(
            settings=Settings(**(values | settings)),
            transport=provider,
            observability=lambda parts: Observability(parts.settings, opened=lambda: output),
        )
        app = build(replace(components, **(factories or {})))
        async with (
            lifespan(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
        ):
            yield Service(app=app, client=client, provider=provider, output=output)

    return start


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Run the app's start-up and shut-down around the block."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.ensure_future(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put)
    )
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await running


@dataclass(kw_only=True)
class Wire:
    """One request as a server would drive it, with a client that can leave."""

    scope: Scope
    parts: list[Message]
    left: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        if self.parts:
            return self.parts.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.sent if m["type"] == "http.response.start"), None)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent)


@pytest.fixture
def wire() -> Callable[..., Wire]:
    """Make a request as ASGI messages."""

    def make(
        path: str = "/workflow/execute",
        *,
        method: str = "POST",
        body: bytes | list[bytes] = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> Wire:
        chunks = body if isinstance(body, list) else [body]
        parts = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, start=1)
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"service"), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        return Wire(scope=scope, parts=parts)

    return make


@dataclass(kw_only=True)
class Wrapped:
    """A small app inside the wrapper, and what was logged of it."""

    app: ASGIApp
    output: io.BytesIO
    admission: Admission

    def records(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.output.getvalue().splitlines()]
        return [record for record in found if record["event"] == event]

    @property
    def ending(self) -> tuple[int, bool, bool, str]:
        """Status, success, complete and outcome of the one completion record."""
        (record,) = self.records("api_request_complete")
        return record["status_code"], record["success"], record["complete"], record["outcome"]


@pytest.fixture
def wrap() -> Callable[..., Wrapped]:
    """Put a small app into the wrapper; keyword arguments are settings."""
    return _wrapped


def _wrapped(app: ASGIApp, **settings: Any) -> Wrapped:
    values = Settings(**settings)
    output = io.BytesIO()
    observability = Observability(values, opened=lambda: output)
    admission = Admission(values.in_flight_max, observability.metrics)
    outcome = Outcome(
        app,
        settings=values,
        admission=admission,
        log=observability.logger("universal_framework.safe_mode"),
        metrics=observability.metrics,
    )
    return Wrapped(app=outcome, output=output, admission=admission)
