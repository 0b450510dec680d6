"""One call without a socket, from the request to the last byte of its answer: whatever comes first ends the waiting."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import Any, TypeVar

import httpx

from harness.endings import gone
from harness.provider.line import CUT, Cut
from harness.provider.link import Link
from harness.rig import Clock, Reply
from harness.wire import Ending, Part, Pause, Raw

T = TypeVar("T")
INCOMPLETE = "peer closed connection without sending complete message body"


class Carried(httpx.AsyncByteStream):
    """A call, and then the body of its answer; the witness takes it for over when all was sent, or the caller left.

    `body` is that of the request. `shaped` is told which fault did something to the call, while that is in flight.
    """

    def __init__(
        self,
        request: httpx.Request,
        answering: AbstractAsyncContextManager[Reply],
        *,
        body: bytes,
        link: Link,
        clock: Clock,
        shaped: Callable[[str], None],
    ) -> None:
        self._request = request
        self._answering = answering
        self._clock = clock
        self._body = body
        self._link = link
        self._shaped = shaped
        self._patience_s: float | None = request.extensions.get("timeout", {}).get("read")
        self._heard_s = clock.monotonic()
        self._connection = ExitStack()
        self._line = self._connection.enter_context(link.connected(clock=clock, shaped=shaped))
        self._entered = False
        self._received: int | None = None
        self._reply = Reply()

    async def response(self) -> httpx.Response:
        """The head of the answer, and its body: at once, or in parts as they are read."""
        try:
            await self._line.connect(self._request, self._link.refusing)
            self._heard_s = self._clock.monotonic()
            reply = self._reply = await self._first(self._enter())
        except BaseException:
            await self.aclose()
            raise
        if not reply.status:
            await self._over()
            raise httpx.RemoteProtocolError(_headless(reply), request=self._request)
        if reply.parts or _announced(reply) not in (None, len(reply.body)):
            return httpx.Response(reply.status, headers=reply.headers, stream=self, request=self._request)
        await self._over()
        return httpx.Response(reply.status, headers=reply.headers, content=reply.body, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = self._received = 0
        announced = _announced(self._reply)
        for part in self._reply.parts or (self._reply.body, Ending()):
            if isinstance(part, Pause):
                await self._first(self._pause(part.for_s))
            elif isinstance(part, bytes):
                if self._line.cut.done() or self._line.swallows():
                    await self._first(self._pause(math.inf))
                received = self._received = received + len(part)
                self._heard_s = self._clock.monotonic()
                yield part
            elif announced is None or received < announced:
                await self._over()
                raise self._broken(part, received, announced)
        await self._over()
        if announced is not None and received < announced:
            raise self._broken(Ending(), received, announced)

    def _cut_off(self, cut: Cut) -> httpx.TransportError:
        """What httpx makes of a connection that was cut."""
        if not cut.noted:
            self._shaped(cut.fault)
            self._link.was_cut(cut.fault)
        if self._received is None and not cut.reset:
            return httpx.RemoteProtocolError(CUT, request=self._request)
        return self._broken(Ending(reset=cut.reset), self._received or 0, _announced(self._reply))

    def _broken(self, part: Part, received: int, announced: int | None) -> httpx.TransportError:
        """What httpx makes of a body that ends, or goes on, as it must not."""
        if isinstance(part, Raw):
            line, end, _ = part.data.partition(b"\r\n")
            text = f"illegal chunk header: {bytearray(line + end)!r}"
            return httpx.RemoteProtocolError(text, request=self._request)
        if isinstance(part, Ending) and part.reset:
            return httpx.ReadError("", request=self._request)
        how = (
            "incomplete chunked read"
            if announced is None
            else f"received {received} bytes, expected {announced}"
        )
        return httpx.RemoteProtocolError(f"{INCOMPLETE} ({how})", request=self._request)

    async def _enter(self) -> Reply:
        """The reply, as the link brings it down."""
        await self._line.up(self._request, self._body)
        reply = await self._answering.__aenter__()
        self._entered = True
        return await self._line.down(self._request, reply, self._answered)

    async def _pause(self, for_s: float) -> None:
        """Wait; for ever, where all else has gone into a hole."""
        if math.isfinite(for_s):
            await self._clock.sleep(for_s)
        else:
            await self._answered()
            await self._line.loop.create_future()

    async def aclose(self) -> None:
        """The caller wants no more of it; where there was more, it has left."""
        left = asyncio.CancelledError()
        await self._leave(type(left), left)

    async def _over(self) -> None:
        """All has been sent, or is known to be lost."""
        await self._leave(None, None)

    async def _answered(self) -> None:
        """The provider has sent all of it, whatever becomes of that."""
        await self._exit(None, None)

    async def _leave(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        """End the call and its connection, once."""
        await self._exit(kind, error)
        self._connection.close()
        await self._line.leave()

    async def _exit(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        """End the call, once."""
        entered, self._entered = self._entered, False
        if entered:
            await self._answering.__aexit__(kind, error, None)

    async def _first(self, work: Awaitable[T]) -> T:
        """Wait for the work, the link's cut, or the end of the client's patience since it last heard something."""
        task = asyncio.ensure_future(work)
        waited: set[asyncio.Future[Any]] = {task, self._line.cut}
        alarm = None
        if self._patience_s is not None:
            left_s = self._heard_s + self._patience_s - self._clock.monotonic()
            alarm = asyncio.ensure_future(self._clock.sleep(max(0.0, left_s)))
            waited.add(alarm)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and (task.exception() is not None or not self._line.swallows()):
                return task.result()
            if task.done():  # what came has gone into a hole
                await asyncio.wait(waited - {task}, return_when=asyncio.FIRST_COMPLETED)
            if not self._line.cut.done():
                raise httpx.ReadTimeout("", request=self._request)
            raise self._cut_off(self._line.cut.result())
        finally:
            await gone(*(one for one in (task, alarm) if one is not None))


def _headless(reply: Reply) -> str:
    """What httpx says of a reply of status 0: it has no head, and what comes instead is read as one."""
    said = b"".join(part.data for part in reply.parts if isinstance(part, Raw))
    line = bytearray(said.partition(b"\r\n")[0])
    return f"illegal status line: {line!r}" if said else CUT


def _announced(reply: Reply) -> int | None:
    """The length that the head announces, if it does."""
    length = reply.headers.get("content-length")
    return None if length is None else int(length)
