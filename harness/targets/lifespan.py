"""The lifespan of an ASGI app: its start-up and its shut-down, each with an answer that must come."""

import asyncio

from harness.errors import TargetFailed
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
        self._task = asyncio.ensure_future(called(self._app, scope, self._to_app.get, self._from_app.put))
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


async def called(app: App, scope: Message, receive: Receive, send: Send) -> None:
    """Call the app; its SystemExit would end the loop, and nobody would ever be told."""
    try:
        await app(scope, receive, send)
    except SystemExit as error:
        raise TargetFailed(f"the app exited: SystemExit: {error}") from error
