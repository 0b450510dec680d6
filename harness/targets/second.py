"""A second server in this process: the app built once more, on a loop and in a thread of its own."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from harness.targets.control import SAID
from harness.targets.lifespan import LIFESPAN_S_MAX, Lifespan, called
from harness.targets.witness import App, Message, Receive, Send

T = TypeVar("T")


@contextmanager
def second(build: Callable[[], App]) -> Iterator[App]:
    """Build and start the app on a new loop in a new thread; when the block ends it has been shut down, and the loop closed.

    What is given takes requests from any other loop. Whatever goes wrong stands on standard error with its traceback;
    an app that does not start answers every request with a 500.
    """
    server = _Second(build)
    thread = threading.Thread(target=server.live, name="second-server", daemon=True)
    thread.start()
    try:
        server.on_loop(server.begin()).result(2 * LIFESPAN_S_MAX)
        yield server.serve
    finally:
        try:
            server.on_loop(server.end()).result(2 * LIFESPAN_S_MAX)
        finally:
            server.loop.call_soon_threadsafe(server.over.set)
            thread.join(LIFESPAN_S_MAX)  # one whose loop is blocked ends with the process


class _Second:
    """The server. What it does with the app it does on its own loop."""

    def __init__(self, build: Callable[[], App]) -> None:
        self.loop = asyncio.new_event_loop()
        self.over = asyncio.Event()
        self._build = build
        self._app: App = _not_started
        self._lifespan: Lifespan | None = None
        self._state: dict[str, Any] = {}

    def live(self) -> None:
        """Its thread."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self.over.wait())

    def on_loop(self, work: Coroutine[Any, Any, T]) -> Any:
        """Run something on its loop; the future is that of another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def begin(self) -> None:
        """Build the app and run its start-up."""
        try:
            app = self._build()
            lifespan = Lifespan(self._remembering(app))
            await lifespan.start()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the app is the user's: whatever stops it is told
            _say("did not start", error)
        else:
            self._app, self._lifespan = app, lifespan

    async def end(self) -> None:
        """Run the app's shut-down."""
        if self._lifespan is None:
            return
        try:
            await self._lifespan.stop()
        except Exception as error:  # noqa: BLE001  # the same
            _say("did not shut down", error)

    def _remembering(self, app: App) -> App:
        """The app, with the state that its start-up leaves for its requests kept."""

        async def begun(scope: Message, receive: Receive, send: Send) -> None:
            self._state = scope["state"]
            await app(scope, receive, send)

        return begun

    async def serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request of another loop: all of it goes over, and its answer comes back, in one piece."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answered = self.on_loop(self._answered({**scope, "state": dict(self._state)}, body))
        for message in await asyncio.wrap_future(answered):
            await send(message)

    async def _answered(self, scope: Message, body: bytes) -> list[Message]:
        """What the app sends in answer to a request, on its own loop."""
        asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if not asked:
                await self.over.wait()  # its client stays
                return {"type": "http.disconnect"}
            return asked.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await called(self._app, scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the same
            _say("did not answer", error)
        return sent or _wrong()


def _wrong() -> list[Message]:
    """What is answered in place of an app that could not."""
    return [
        {"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]},
        {"type": "http.response.body", "body": b"Internal Server Error"},
    ]


async def _not_started(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001  # whatever is asked
    """Stands for an app that did not start."""
    for message in _wrong():
        await send(message)


def _say(what: str, error: BaseException) -> None:
    """Write on standard error what went wrong."""
    trace = "".join(traceback.format_exception(error))
    sys.stderr.write(f"{SAID}a second server in the process {what}\n{trace}")
