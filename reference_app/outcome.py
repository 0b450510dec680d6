"""The outermost layer: a plain ASGI wrapper around the finished app, the only place that sees every status sent.

It gives each request its id and its deadline, sheds load, reads the body up to the limits of size and time, notices a
client that leaves, answers what the app failed to answer, and writes exactly one `api_request_complete`, from what was
sent. No route takes a WebSocket: an upgrade is refused here, and recorded like any request.
"""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_app.admission import Admission
from reference_app.bridging.scopes import SCOPE
from reference_app.bridging.scopes import Scope as SyncCalls
from reference_app.context import REQUEST, RequestContext
from reference_app.events import WELL_ENDED, is_stream
from reference_app.logger import Logger
from reference_app.observability import Metrics
from reference_app.problems import Problem, overloaded, unexpected
from reference_app.security import OPEN_PATHS, RequestIds, sane_request_id
from reference_app.settings import Settings

CLIENT_LEFT = 499
UNMATCHED = "unmatched"


class NoResponse(RuntimeError):
    """The app returned without an answer."""


class Exchange:
    """One request and what was sent in answer to it."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, context: RequestContext, calls: SyncCalls
    ) -> None:
        self.scope = scope
        self.context = context
        self.status: int | None = None
        self.ended = False
        self.complete = False
        self.left = False
        self._receive = receive
        self._send = send
        self._body: bytes | None = None
        self._gone: asyncio.Event | None = None
        self._streams = False
        # A cancellation of the task does not reach into worker threads; what they call is cancelled by this.
        self._calls = calls

    @property
    def open(self) -> bool:
        """True while there is somebody to answer who has had no answer yet."""
        return self.status is None and not self.left

    async def read_body(self, bytes_max: int) -> bool:
        """Read the whole body; False where it is larger than `bytes_max`, counted and not believed."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left = True
                return True
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > bytes_max:
                return False
            chunks.append(chunk)
            if not message.get("more_body", False):
                self._body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
                return True

    async def receive(self) -> Message:
        """What the app receives: the body, whole, and after it nothing until the client leaves."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        self._gone = self._gone or asyncio.Event()
        if not self.left:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass on what the app sends; after the client has left it goes nowhere."""
        if self.left:
            return
        if message["type"].endswith("http.response.start"):
            self.status = message["status"]
            self._streams = is_stream(message.get("headers", ()))
            request_id = (b"x-request-id", self.context.request_id.encode("ascii"))
            message["headers"] = [*message.get("headers", ()), request_id]
            await self._send(message)
            return
        await self._send(message)
        # No wait lies between the server's taking the last part and this line, so a later disconnect is no loss.
        if not message.get("more_body", False) and not self.left:
            self.ended = True
            self.complete = not self._streams or message.get("body", b"").startswith(WELL_ENDED)

    async def close(self) -> None:
        """Refuse a WebSocket the way that every server knows, which is a 403 on the wire."""
        await self._send({"type": "websocket.close", "code": 1008, "reason": ""})
        self.status, self.ended, self.complete = HTTPStatus.FORBIDDEN, True, True

    async def watch(self, serving: "asyncio.Task[Any]") -> None:
        """Wait for the client to leave, and end the work that nobody waits for any more."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self.ended:
            self.left = True
            if self._gone is not None:
                self._gone.set()
            self._calls.cancel()
            serving.cancel()

    async def answer(self, problem: Problem) -> None:
        """Answer in the app's place."""
        await problem.response()(self.scope, self.receive, self.send)


class Outcome:
    """The wrapper; `app` is finished, with its own error handling inside, and `routes` are those that it has."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        admission: Admission,
        log: Logger,
        metrics: Metrics,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._app = app
        self._settings = settings
        self._admission = admission
        self._log = log
        self._metrics = metrics
        self._routes = routes
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is none is passed on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        sent = [value for name, value in scope["headers"] if name == b"x-request-id"]
        context = RequestContext(
            request_id=sane_request_id(sent) or self._ids.new(),
            started=started,
            deadline=started + self._settings.deadline_s,
        )
        calls = SyncCalls()
        token, calls_token = REQUEST.set(context), SCOPE.set(calls)
        exchange = Exchange(scope, receive, send, context=context, calls=calls)
        try:
            await self._run(exchange)
        finally:
            self.record(exchange)
            SCOPE.reset(calls_token)
            REQUEST.reset(token)

    async def _run(self, exchange: Exchange) -> None:
        """Serve the request, and see to it that there is one answer, whatever happens."""
        serving = asyncio.current_task()
        assert serving is not None, "a server runs each request in a task"
        try:
            await self._serve(exchange, serving)
        except asyncio.CancelledError:
            # A cancellation of our own has done its work and ends here; the server's goes on to the server.
            if exchange.left and serving.uncancel() == 0:
                return
            if exchange.open:
                await exchange.answer(overloaded("the service shuts down"))
            raise
        except Exception:  # noqa: BLE001  # this is the place where a bug ends: logged, answered, not passed on
            self._log.exception("unhandled_exception", method=method_of(exchange))
            if exchange.open:
                await exchange.answer(unexpected())
        if exchange.left:
            serving.uncancel()

    async def _serve(self, exchange: Exchange, serving: "asyncio.Task[Any]") -> None:
        """Let the request in, if there is room."""
        if exchange.scope["type"] == "websocket":
            await self._refuse(exchange)
        elif exchange.scope["path"] in OPEN_PATHS:
            await self._work(exchange, serving)
        elif self._admission.enter():
            try:
                await self._work(exchange, serving)
            finally:
                self._admission.leave()
        else:
            await exchange.answer(overloaded("the service is at its limit, or shuts down"))

    async def _work(self, exchange: Exchange, serving: "asyncio.Task[Any]") -> None:
        """Read the body, then run the app on it while a second task watches for the client's leaving."""
        if (refusal := await self._read(exchange)) is not None:
            await exchange.answer(refusal)
            return
        if exchange.left:
            return
        watcher = asyncio.get_running_loop().create_task(exchange.watch(serving))
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
            if exchange.open:
                raise NoResponse("the app returned without an answer")
        finally:
            watcher.cancel()

    async def _read(self, exchange: Exchange) -> Problem | None:
        """Read the body; the problem is that it is too large, or that it is not there at the deadline.

        A slow body is bad input, 422: the delay is the client's, so it is no 503, which would tell of a service
        that is not well, and the contract has no 408.
        """
        try:
            async with asyncio.timeout(exchange.context.left_s()):
                whole = await exchange.read_body(self._settings.body_bytes_max)
        except TimeoutError:
            errors = [{"field": "body", "reason": "too_slow"}]
            # What comes of it later is for nobody.
            headers = {"Connection": "close"}
            return Problem(422, "the body did not arrive in time", headers=headers, errors=errors)
        return None if whole else Problem(413, "the body is too large")

    async def _refuse(self, exchange: Exchange) -> None:
        """Refuse a WebSocket, by a problem where the server can send one."""
        try:
            if "websocket.http.response" in exchange.scope.get("extensions", ()):
                await exchange.answer(Problem(404, "no route takes a WebSocket"))
            else:
                await exchange.close()
        except OSError:
            # By this a server says that a WebSocket's client has left.
            exchange.left = True

    def record(self, exchange: Exchange) -> None:
        """Write the completion record of a request, and count it."""
        context = exchange.context
        route = self._route(exchange.scope)
        status = CLIENT_LEFT if exchange.left or exchange.status is None else exchange.status
        outcome = outcome_of(exchange, status)
        seconds = time.monotonic() - context.started
        replayed = {"replayed": True} if context.replayed else {}
        self.write(
            status_code=status,
            success=status < HTTPStatus.BAD_REQUEST and exchange.complete,
            complete=exchange.complete,
            outcome=outcome,
            method=method_of(exchange),
            route=route,
            session=context.session,
            execution_time_seconds=round(seconds, 6),
            fallbacks=context.fallbacks,
            **replayed,
        )
        self._metrics.responded(route=route, status=status, outcome=outcome, seconds=seconds)

    def _route(self, scope: Scope) -> str:
        """The template of the path, also where the request was answered before any router saw it."""
        route = scope.get("route")
        if route is None:
            route = next((one for one in self._routes if one.matches(scope)[0] is not Match.NONE), None)
        return getattr(route, "path", UNMATCHED)

    def write(self, **fields: Any) -> None:
        """Write the one completion record."""
        self._log.info("api_request_complete", **fields)


def method_of(exchange: Exchange) -> str:
    """The method; a WebSocket begins as a GET."""
    method: str = exchange.scope.get("method", "GET")
    return method


def outcome_of(exchange: Exchange, status: int) -> str:
    """The word for how a request ended, from what was sent."""
    if status == CLIENT_LEFT:
        return "client_disconnect"
    if exchange.context.shed and status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "shed"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not exchange.complete:
        return "error"
    if status >= HTTPStatus.BAD_REQUEST:
        return "client_error"
    return "degraded" if exchange.context.degraded else "ok"
