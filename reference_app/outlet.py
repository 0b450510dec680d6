"""Where the events of one answer go out: text as it comes, at the client's pace, and one event that ends it.

A client that reads slowly holds up nothing but its own answer: what it has not taken waits here, not at the provider.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import orjson
from starlette.types import Send

from reference_app.events import event

END_S_MIN = 0.05
"""What the last event gets to go out, also where the deadline has just passed."""


class Unread(Exception):
    """The deadline passed while the client did not read; nobody is there to be told."""


class Outlet:
    """The events of one answer, by ASGI's `send`; the head of the response goes out with the first of them.

    `left_s` says how many seconds of the request's deadline are left.
    """

    def __init__(
        self, send: Send, headers: Sequence[tuple[bytes, bytes]], left_s: Callable[[], float]
    ) -> None:
        self.shown = False
        """True once any text was given to the client: it cannot be taken back."""
        self.listens = False
        """True while what the provider says may be shown."""
        self._send = send
        self._headers = headers
        self._left_s = left_s
        self._begun = False
        self._waiting: list[str] = []
        self._sending: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Within the block what the provider says may be shown; after it the client has taken what was."""
        self.listens = True
        try:
            yield
        finally:
            self.listens = False
        await self._flush(self._left_s())

    def show(self, text: str) -> None:
        """Give the client a piece of the reply, when it takes it; what waits meanwhile goes out as one."""
        self.shown = True
        self._waiting.append(text)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._pump())

    async def end(self, name: str, data: bytes) -> None:
        """Send the event that ends the stream, after all that was shown.

        Raises:
            Unread: the client does not take it in time.
        """
        await self._flush(max(self._left_s(), END_S_MIN))
        try:
            async with asyncio.timeout(max(self._left_s(), END_S_MIN)):
                await self._part(event(name, data), more=False)
        except TimeoutError:
            raise Unread from None

    async def close(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _flush(self, patience_s: float) -> None:
        """Wait until the server has taken all that was shown; raises what its `send` raised."""
        if self._sending is not None:
            # A cancellation here is the request's, and not the sending's: what was shown goes out before its end.
            _, late = await asyncio.wait({self._sending}, timeout=patience_s)
            if late:
                raise Unread
            self._sending.result()

    async def _pump(self) -> None:
        """Send what waits, until nothing does."""
        while self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            await self._part(event("chunk", orjson.dumps({"text": text})), more=True)

    async def _part(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body; the first has the head before it."""
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*self._headers]})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
