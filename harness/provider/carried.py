"""One call without a socket, from the request to the last byte of its answer: whatever comes first ends the waiting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import Any, TypeVar

import httpx

from harness.provider.link import Link
from harness.rig import Clock, Reply
from harness.wire import Ending, Part, Pause, Raw

T = TypeVar("T")
CUT = "Server disconnected without sending a response."
INCOMPLETE = "peer closed connection without sending complete message body"


class Carried(httpx.AsyncByteStream):
    """A call, and then the body of its answer; the witness takes it for over when all was sent, or the caller left.

    `cut_off` is told which fault cut the link, while the call is still in flight.
    """

    def __init__(
        self,
        request: httpx.Request,
        answering: AbstractAsyncContextManager[Reply],
        *,
        link: Link,
        clock: Clock,
        cut_off: Callable[[str], None],
    ) -> None:
        self._request = request
        self._answering = answering
        self._clock = clock
        self._cut_off = cut_off
        self._patience_s: float | None = request.extensions.get("timeout", {}).get("read")
        self._heard_s = clock.monotonic()
        self._connection = ExitStack()
        self._cut = self._connection.enter_context(link.connected())
        self._entered = False
        self._reply = Reply()

    async def response(self) -> httpx.Response:
        """The head of the answer, and its body: at once, or in parts as they are read."""
        try:
            reply = self._reply = await self._first(self._enter())
        except BaseException:
            await self.aclose()
            raise
        if reply.parts or _announced(reply) not in (None, len(reply.body)):
            return httpx.Response(reply.status, headers=reply.headers, stream=self, request=self._request)
        await self._over()
        return httpx.Response(reply.status, headers=reply.headers, content=reply.body, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received, announced = 0, _announced(self._reply)
        for part in self._reply.parts or (self._reply.body, Ending()):
            if isinstance(part, Pause):
                await self._first(self._clock.sleep(part.for_s))
            elif isinstance(part, bytes):
                received += len(part)
                self._heard_s = self._clock.monotonic()
                yield part
            elif announced is None or received < announced:
                await self._over()
                raise self._broken(part, received, announced)
        await self._over()
        if announced is not None and received < announced:
            raise self._broken(Ending(), received, announced)

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
        reply = await self._answering.__aenter__()
        self._entered = True
        return reply

    async def aclose(self) -> None:
        """The caller wants no more of it; where there was more, it has left."""
        left = asyncio.CancelledError()
        await self._leave(type(left), left)

    async def _over(self) -> None:
        """All has been sent."""
        await self._leave(None, None)

    async def _leave(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        """End the call and its connection, once."""
        entered, self._entered = self._entered, False
        if entered:
            await self._answering.__aexit__(kind, error, None)
        self._connection.close()

    async def _first(self, work: Awaitable[T]) -> T:
        """Wait for the work, the link's cut, or the end of the client's patience since it last heard something."""
        task = asyncio.ensure_future(work)
        waited: set[asyncio.Future[Any]] = {task, self._cut}
        alarm = None
        if self._patience_s is not None:
            left_s = self._heard_s + self._patience_s - self._clock.monotonic()
            alarm = asyncio.ensure_future(self._clock.sleep(max(0.0, left_s)))
            waited.add(alarm)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if not self._cut.done():
                raise httpx.ReadTimeout("", request=self._request)
            self._cut_off(self._cut.result())
            raise httpx.RemoteProtocolError(CUT, request=self._request)
        finally:
            for one in (task, alarm):
                if one is not None:
                    await ended(one)


async def ended(task: "asyncio.Future[Any]") -> None:
    """Cancel a task and see it gone, so that its record is written before the caller goes on."""
    task.cancel()
    await asyncio.wait({task})


def _announced(reply: Reply) -> int | None:
    """The length that the head announces, if it does."""
    length = reply.headers.get("content-length")
    return None if length is None else int(length)
