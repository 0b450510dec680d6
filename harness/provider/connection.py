"""One TCP connection to the provider: requests in, whatever bytes the reply says out.

It goes on reading while an answer is pending, so that a client that leaves is noticed at once. A client that closes
its sending side has left too.
"""

import asyncio
import http
import os
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import cast

import httptools

from harness.provider.answers import error_reply
from harness.provider.endpoint import Endpoint
from harness.rig import Reply
from harness.wire import Ending, Passage, Pause, Raw

REQUEST_BYTES_MAX = 4 * 1024 * 1024
"""Of one request, head and body together; more is answered with 413."""

TOGETHER_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """A kept-alive connection that answers one request at a time, in order.

    `passage` gives what a proxy tells of the connection that came from a port, where it came from one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        opened: Callable[["Connection"], bool],
        closed: Callable[["Connection"], None],
        crashed: Callable[[BaseException], None],
        passage: Callable[[int], Passage],
    ) -> None:
        self._endpoint = endpoint
        self._opened = opened
        self._closed = closed
        self._crashed = crashed
        self._passage = passage
        self._passed: Passage | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._received = 0
        self._complete = False
        self.call: int | None = None
        self._keep = False
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writable = asyncio.Event()
        self._writable.set()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or send it away where there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")  # none where it is gone already
        self._port = int(peer[1]) if peer else 0
        if not self._opened(self):
            self._refuse(503, "The simulated provider has too many open connections.")

    def data_received(self, data: bytes) -> None:
        """Parse what came, and answer once a request is whole."""
        self._received += len(data)
        if self._received > REQUEST_BYTES_MAX:
            self._refuse(413, f"A request may have {REQUEST_BYTES_MAX} bytes at most.")
        else:
            self._parse(data)

    def eof_received(self) -> None:
        """The client has closed its sending side: it has left, and the connection is closed."""

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop answering: nobody is there."""
        if self._answering is not None:
            self._answering.cancel()
        self._transport = None
        self._lost.set_result(None)
        self._closed(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins; one before the answer to another is an error: no pipelining."""
        if self._complete:
            raise ValueError("a second request")
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._complete = False

    def on_url(self, url: bytes) -> None:
        """A part of the target comes in."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header came in."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A part of the body came in."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole; only now the parser can say what it was and whether the connection stays."""
        self._complete = True
        self._method = self._parser.get_method().decode("latin-1")
        self._keep = self._parser.should_keep_alive()

    def _parse(self, data: bytes) -> None:
        """Feed the parser, and answer once a request is whole."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(400, "This is no HTTP/1.1 request, or one that did not wait for the answer before.")
            return
        if self._complete:
            self._answering = asyncio.get_running_loop().create_task(self._answer())
            self._answering.add_done_callback(self._ended)

    async def _answer(self) -> None:
        """Answer the request that was parsed."""
        path = self._url.partition(b"?")[0].decode("latin-1")
        passed = self._through()
        passed.begun()
        try:
            async with self._endpoint.answering(
                self._method, path, self._headers, b"".join(self._body), begun=self._begun
            ) as reply:
                stays = await self._send_parts(reply) if reply.parts else self._send(reply)
        finally:
            self.call = None
            passed.over()
        self._answering, self._complete, self._received = None, False, 0
        if self._transport is not None and not (stays and self._keep):
            self._transport.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Where a rule crashed, the run has to fail, and the client sees the connection end."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crashed(error)
            self.abort()

    def _begun(self, ordinal: int) -> None:
        """Note which call this connection carries."""
        self.call = ordinal
        self._through().called(ordinal)

    def _through(self) -> Passage:
        """What this connection came through; its proxy knows of it by the first request, and not always before."""
        if self._passed is None:
            self._passed = self._passage(self._port)
        return self._passed

    def _send(self, reply: Reply) -> bool:
        """Put a whole reply on the wire; False where the length that it announces is not its own."""
        stays = reply.headers.get("content-length", length := str(len(reply.body))) == length
        self._write(_head(reply, length, keep=stays and self._keep) + reply.body)
        return stays

    async def _send_parts(self, reply: Reply) -> bool:
        """Put a reply on the wire part by part; False where the connection is to end with it.

        What follows without a pause is sent together. A reply of status 0 has no head.
        """
        announced = reply.headers.get("content-length")
        sent = sum(len(part) for part in reply.parts if isinstance(part, bytes))
        stays = announced in (None, str(sent)) and not any(isinstance(part, Ending) for part in reply.parts)
        ready = bytearray(_head(reply, None, keep=stays and self._keep) if reply.status else b"")
        for part in reply.parts:
            match part:
                case bytes():
                    ready += part if announced is not None else b"%x\r\n%b\r\n" % (len(part), part)
                case Raw():
                    ready += part.data
                case Pause():
                    await self._flush(ready)
                    await asyncio.sleep(part.for_s)
                case Ending():
                    await self._flush(ready)
                    self._end(reset=part.reset)
                    return False
            if len(ready) >= TOGETHER_BYTES:
                await self._flush(ready)
        await self._flush(ready + (b"0\r\n\r\n" if announced is None else b""))
        return stays

    async def _flush(self, ready: bytearray) -> None:
        """Send what is ready; once the wire takes no more, whoever reads slowly holds this up, and not our memory."""
        self._write(bytes(ready))
        ready.clear()
        await self._writable.wait()

    def _write(self, data: bytes) -> None:
        """Put bytes on the wire, if there is one."""
        if self._transport is not None and data:
            self._transport.write(data)

    def _end(self, *, reset: bool) -> None:
        """End the connection: in order, or by a reset, for which the kernel must forget what it has not sent."""
        if self._transport is None:
            return
        if not reset:
            self._transport.close()
            return
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no call with an error, and close."""
        if self._answering is not None:
            self._answering.cancel()
        self._keep = False
        self._send(error_reply(status, message))
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """The wire takes no more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has taken all that was written."""
        self._writable.set()

    def abort(self) -> None:
        """End the connection as it stands."""
        if self._transport is not None:
            self._transport.abort()

    async def gone(self) -> None:
        """Wait until the connection has ended, and the answer that it carried."""
        await self._lost
        if self._answering is not None:
            await asyncio.wait({self._answering})


def _head(reply: Reply, length: str | None, *, keep: bool) -> bytes:
    """The head of a reply; of one whose length is not known before, it says that the body is chunked."""
    lines = [_status_line(reply.status)]
    lines += [f"{name}: {value}\r\n" for name, value in reply.headers.items()]
    if "content-length" not in reply.headers:
        lines.append("transfer-encoding: chunked\r\n" if length is None else f"content-length: {length}\r\n")
    lines.append("\r\n" if keep else "connection: close\r\n\r\n")
    return "".join(lines).encode("latin-1")


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """The first line of a reply; a status without a standard phrase has none."""
    known = {one.value: one.phrase for one in http.HTTPStatus}
    return f"HTTP/1.1 {status} {known.get(status, '')}\r\n"
