"""An ASGI client: sends a request as messages, reads the answer as it comes, and can leave in the middle."""

import asyncio
from typing import Any

from harness.errors import TargetFailed
from harness.targets.driven import Incoming, Outgoing
from harness.targets.witness import App, Message, Receive, Send

LIFESPAN_S_MAX = 20.0


class Lifespan:
    """The start-up and shut-down of an app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the start-up.

        Raises:
            TargetFailed: the app says that it failed, or ends, or takes over `LIFESPAN_S_MAX`.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(_call(self._app, scope, self._to_app.get, self._from_app.put))
        await self._pass("lifespan.startup")

    async def stop(self) -> None:
        """Run the shut-down and wait for the app's end."""
        assert self._task is not None
        await self._pass("lifespan.shutdown")
        await self._task

    async def _pass(self, kind: str) -> None:
        """Send one lifespan event and wait for its completion."""
        assert self._task is not None
        await self._to_app.put({"type": kind})
        answered = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait(
            {answered, self._task}, timeout=LIFESPAN_S_MAX, return_when=asyncio.FIRST_COMPLETED
        )
        if not answered.done() and not self._from_app.empty():
            await answered  # the app has answered, then ended: the getter has only not had its turn yet
        said = answered.result() if answered.done() else {}
        if said.get("type") != f"{kind}.complete":
            answered.cancel()
            raise TargetFailed(f"the app did not complete its {kind}{self._reason(said)}")

    def _reason(self, said: Message) -> str:
        """Why a lifespan event was not completed: what the app raised, or the last line of what it says."""
        assert self._task is not None
        error = self._task.exception() if self._task.done() and not self._task.cancelled() else None
        lines = str(said.get("message", "")).strip().splitlines()
        if error is not None:
            return f": {type(error).__name__}: {error}"
        return f": {lines[-1]}" if lines else ""


class _Connection:
    """One request's side of the conversation."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._sent = False
        self._left = asyncio.Event()
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False

    async def receive(self) -> Message:
        """The body, whole; after that nothing until the client leaves."""
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": self._outgoing.body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take what the app sends; after the client has left it goes nowhere, as on a real server."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                key.decode("latin-1"): value.decode("latin-1") for key, value in message["headers"]
            }
        else:
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)

    def leave(self) -> None:
        """Go away."""
        self._left.set()


async def request(app: App, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
    """Send one request and read the whole answer, or leave after `leave_after_s` and let the app notice."""
    connection = _Connection(outgoing)
    running = asyncio.ensure_future(_call(app, _scope(outgoing), connection.receive, connection.send))
    done, _ = await asyncio.wait({running}, timeout=leave_after_s)
    connection.leave()
    if not done:
        await asyncio.wait({running})
        return Incoming(status=None, error="left")
    if (error := running.exception()) is not None and connection.status is None:
        return Incoming(status=None, error=type(error).__name__)
    if not connection.complete:
        return Incoming(status=connection.status, headers=connection.headers, error="incomplete answer")
    return Incoming(status=connection.status, headers=connection.headers, body=bytes(connection.body))


async def _call(app: App, scope: Message, receive: Receive, send: Send) -> None:
    """Call the app; its SystemExit would end the loop, and nobody would ever be told."""
    try:
        await app(scope, receive, send)
    except SystemExit as error:
        raise TargetFailed(f"the app exited: SystemExit: {error}") from error


def _scope(outgoing: Outgoing) -> dict[str, Any]:
    """The scope of one request, as a server would make it."""
    path, _, query = outgoing.path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": outgoing.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"),
            *(
                (key.lower().encode("latin-1"), value.encode("latin-1"))
                for key, value in outgoing.headers.items()
            ),
            (b"content-length", str(len(outgoing.body)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
