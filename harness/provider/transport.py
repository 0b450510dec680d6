"""The provider in process: an httpx transport that raises what the wire would make httpx raise.

The exceptions and their texts are those of httpx 0.28 with its own transport (observed): a refused connection is
`ConnectError("All connection attempts failed")`, silence beyond the read timeout `ReadTimeout("")`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from harness.provider.endpoint import Endpoint
from harness.provider.link import Link
from harness.provider.script import Script
from harness.provider.witness import Witness
from harness.rig import Clock, Reply

BASE_PATH = "/v1/"
REFUSED = "All connection attempts failed"
CUT = "Server disconnected without sending a response."


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Hands a client's requests to the provider without a socket; usable from any loop, and from several at once.

    It honours the client's read timeout, on `clock`. Raises what httpx raises: `ConnectError` where the link refuses,
    `RemoteProtocolError` where it is cut or the body is shorter than announced, `ReadTimeout`. `base_path` is the path
    of the base URL that the client was given.
    """

    def __init__(
        self, script: Script, witness: Witness, *, link: Link, clock: Clock, base_path: str = BASE_PATH
    ) -> None:
        self._endpoint = Endpoint(script, witness)
        self._witness = witness
        self._link = link
        self._clock = clock
        self._base_path = base_path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if self._link.refusing():
            raise httpx.ConnectError(REFUSED, request=request)
        path = request.url.path
        if path.startswith(self._base_path):
            path = BASE_PATH + path.removeprefix(self._base_path)
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        calls: list[int] = []
        with self._link.connected() as cut:
            answer = asyncio.ensure_future(
                self._endpoint.answer(request.method, path, headers, body, begun=calls.append)
            )
            try:
                await self._first_of(answer, cut, request.extensions.get("timeout", {}).get("read"))
                if answer.done():
                    return _response(answer.result(), request)
                if not cut.done():
                    raise httpx.ReadTimeout("", request=request)
                for ordinal in calls:
                    self._witness.shaped(ordinal, cut.result())
                self._link.was_cut(cut.result())
                raise httpx.RemoteProtocolError(CUT, request=request)
            finally:
                await ended(answer)

    async def _first_of(
        self, answer: asyncio.Future[Reply], cut: asyncio.Future[str], read_s: float | None
    ) -> None:
        """Wait for the answer, the cut, or the end of the client's patience in seconds (None: it has no end)."""
        waited: set[asyncio.Future[Any]] = {answer, cut}
        alarm = None if read_s is None else asyncio.ensure_future(self._clock.sleep(read_s))
        if alarm is not None:
            waited.add(alarm)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if alarm is not None:
                await ended(alarm)


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task and see it gone, so that its record is written before the caller goes on."""
    task.cancel()
    await asyncio.wait({task})


class _Short(httpx.AsyncByteStream):
    """A body that ends before the length that was announced."""

    def __init__(self, body: bytes, announced: int) -> None:
        self._body = body
        self._announced = announced

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body "
            f"(received {len(self._body)} bytes, expected {self._announced})"
        )


def _response(reply: Reply, request: httpx.Request) -> httpx.Response:
    """What httpx makes of the reply."""
    announced = int(reply.headers.get("content-length", len(reply.body)))
    if announced > len(reply.body):
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Short(reply.body, announced), request=request
        )
    return httpx.Response(reply.status, headers=reply.headers, content=reply.body, request=request)
