"""An ASGI client that is as near to a connection as a simulation needs: chunks as they come, slow readers, leaving.

A plain `request` runs the application in the calling task, without a task or a queue of its own, and so costs little
more than the application. `open` runs it in a task, and the caller reads when it likes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Headers = Iterable[tuple[bytes, bytes]]
ASGI = {"version": "3.0", "spec_version": "2.3"}
"""As uvicorn says: with 2.4 an application would count on `send` to fail once the client has left."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are as the application wrote them."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Incomplete(Exception):
    """The application returned, or raised, before it had answered in full; its own exception is the cause."""


class Exchange:
    """One request that is under way. `send` waits while `buffered_max` chunks are unread: a slow reader slows the app."""

    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, body: bytes, buffered_max: int) -> None:
        self._body: bytes | None = body
        self._chunks: deque[bytes] = deque()
        self._buffered_max = buffered_max
        self._complete = False
        self._left = False
        self._changed: list[asyncio.Future[None]] = []
        self._running: asyncio.Future[None] | None = None

    async def started(self) -> int:
        """Wait for the head of the answer: its status."""
        while self.status is None:
            await self._change()
        return self.status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks that are not empty, each as soon as it is there; raises `Incomplete` where they end too early."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._notify()
                yield chunk
            if self._complete:
                return
            await self._change()

    def leave(self) -> None:
        """Go away: the application is told `http.disconnect`, and what it sends from now on goes nowhere."""
        self._left = True
        self._chunks.clear()
        self._notify()

    async def receive(self) -> Message:
        """The body, whole; after that nothing until the client leaves or the answer is complete."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        while not self._left and not self._complete:
            await self._changes()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = tuple(message.get("headers", ()))
        elif message["type"] == "http.response.body" and not self._left:
            if body := message.get("body", b""):
                self._chunks.append(body)
            self._complete = not message.get("more_body", False)
        self._notify()
        while len(self._chunks) >= self._buffered_max and not self._left and not self._complete:
            await self._changes()

    def begin(self, running: "asyncio.Future[None]") -> None:
        """Watch the application's task."""
        self._running = running
        running.add_done_callback(lambda _: self._notify())

    async def ended(self) -> None:
        """Wait for the application's end, whatever it is."""
        assert self._running is not None
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.exception()

    async def _change(self) -> None:
        """Wait for a change, which must come: from the application, as long as it runs."""
        running = self._running
        if running is not None and running.done() and not self._chunks:
            cause = None if running.cancelled() else running.exception()
            raise Incomplete("the application ended before its answer was complete") from cause
        await self._changes()

    async def _changes(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._changed.append(future)
        await future

    def _notify(self) -> None:
        if self._changed:
            waiting, self._changed = self._changed, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)


class _Answer:
    """What a whole answer is collected in; it is in no hurry, and does not leave."""

    complete = False
    status = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._waiting: list[asyncio.Future[None]] = []
        self.chunks: list[bytes] = []

    async def receive(self) -> Message:
        """The body, whole; after that nothing until the answer is complete."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self.complete:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = tuple(message.get("headers", ()))
            return
        self.chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            self.complete = True
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)


class AsgiClient:
    """Sends requests to an ASGI application on the running loop."""

    def __init__(self, app: App, *, host: bytes = b"testserver", state: dict[str, Any] | None = None) -> None:
        self._app = app
        self._host = host
        self._state = state

    async def request(self, method: str, path: str, *, body: bytes = b"", headers: Headers = ()) -> Response:
        """Send a request and read the whole answer.

        What the application raises comes out here, even after its answer: there is nobody else to be told.

        Raises:
            Incomplete: the application ended before its answer was complete.
        """
        answer = _Answer(body)
        await self._app(self._scope(method, path, headers, body), answer.receive, answer.send)
        if not answer.complete:
            raise Incomplete("the application ended before its answer was complete")
        chunks = answer.chunks
        whole = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return Response(answer.status, answer.headers, whole)

    @asynccontextmanager
    async def open(
        self, method: str, path: str, *, body: bytes = b"", headers: Headers = (), buffered_max: int = 16
    ) -> AsyncIterator[Exchange]:
        """Send a request, and read the answer inside the block; at its end the client leaves, and the app has ended."""
        exchange = Exchange(body, buffered_max)
        scope = self._scope(method, path, headers, body)
        running = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
        exchange.begin(running)
        try:
            yield exchange
        finally:
            exchange.leave()
            await exchange.ended()

    def _scope(self, method: str, path: str, headers: Headers, body: bytes) -> Message:
        path, _, query = path.partition("?")
        scope: Message = {
            "type": "http",
            "asgi": ASGI,
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", self._host), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        if body:
            scope["headers"].append((b"content-length", str(len(body)).encode()))
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope
