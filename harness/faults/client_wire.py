"""A request on a connection of its own, written and read as no client library would; only a wire can carry it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

import httptools

from harness.rig import Incoming, Outgoing

ANSWER_S_MAX = 30.0
"""How long such a client waits for an answer."""

SLICE_S = 0.05
"""How often a slow reader reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnWire(Outgoing):
    """A request, and how it is written and read.

    `lines` are header lines after the usual ones, as they stand. Where `chunk_bytes` is given, the body goes in chunks
    of that size and no length is told. `byte_every_s` is what passes between two bytes of the head, or of the body
    where `is_head_swift`. The answer is read at `bytes_per_s` for `slow_s` seconds, and then as fast as it comes, into
    a buffer of `buffer_bytes`. What is None is as usual.
    """

    lines: tuple[bytes, ...] = ()
    chunk_bytes: int | None = None
    byte_every_s: float | None = None
    is_head_swift: bool = False
    bytes_per_s: float | None = None
    slow_s: float = 0.0
    buffer_bytes: int | None = None

    async def over(self, address: tuple[str, int]) -> Incoming:
        """Send it to the target at `address`, and read what comes back; an answer may come before all is sent."""
        answer = _Answer()
        try:
            async with asyncio.timeout(ANSWER_S_MAX), connected(address, self.buffer_bytes) as wire:
                reading = asyncio.ensure_future(self._read(wire, answer))
                try:
                    await self._write(wire, reading)
                    await reading
                finally:
                    reading.cancel()
                    await asyncio.wait({reading})
        except TimeoutError:
            return answer.incoming("ReadTimeout")
        except OSError as error:
            return answer.incoming(type(error).__name__)
        return answer.incoming(None if answer.is_complete else "RemoteProtocolError")

    async def _write(self, wire: socket.socket, reading: "asyncio.Future[None]") -> None:
        """Write it in its pieces, as long as nobody has answered."""
        # Who answers early may read no further; then the rest is not wanted, and the answer is still to be read.
        with contextlib.suppress(ConnectionError):
            for piece, pause_s in self._pieces():
                if reading.done():
                    return
                await asyncio.get_running_loop().sock_sendall(wire, piece)
                if pause_s:
                    await asyncio.wait({reading}, timeout=pause_s)

    def _pieces(self) -> Iterator[tuple[bytes, float]]:
        """What is written at once, and how long it is until the next."""
        pause_s = self.byte_every_s or 0.0
        for part, is_slow in (
            (self._head(), pause_s and not self.is_head_swift),
            (b"".join(self._body()), pause_s),
        ):
            size = 1 if is_slow else 65_536
            for at in range(0, len(part), size):
                yield part[at : at + size], pause_s if is_slow else 0.0

    def _head(self) -> bytes:
        """The request line and the header, to its empty line."""
        length = (
            f"content-length: {len(self.body)}" if self.chunk_bytes is None else "transfer-encoding: chunked"
        )
        usual = [
            f"{self.method} {self.path} HTTP/1.1",
            "host: 127.0.0.1",
            "connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            length,
        ]
        return b"\r\n".join([*(line.encode("latin-1") for line in usual), *self.lines, b"", b""])

    def _body(self) -> Iterator[bytes]:
        """The body, whole or in chunks."""
        if self.chunk_bytes is None:
            yield self.body
            return
        for at in range(0, len(self.body), self.chunk_bytes):
            chunk = self.body[at : at + self.chunk_bytes]
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"

    async def _read(self, wire: socket.socket, answer: "_Answer") -> None:
        """Read the answer to its end, or to that of the connection."""
        loop = asyncio.get_running_loop()
        slow_until_s = loop.time() + self.slow_s
        while not answer.is_complete:
            is_slow = self.bytes_per_s is not None and loop.time() < slow_until_s
            most = max(1, int((self.bytes_per_s or 0) * SLICE_S)) if is_slow else 65_536
            data = await loop.sock_recv(wire, most)
            if not data:
                answer.end()
                return
            answer.feed(data)
            if is_slow:
                await asyncio.sleep(SLICE_S)


def on_wire(outgoing: Outgoing, **how: Any) -> OnWire:
    """The request, to be written and read as the fields of `OnWire` say."""
    return OnWire(**{item.name: getattr(outgoing, item.name) for item in fields(Outgoing)}, **how)


@asynccontextmanager
async def connected(
    address: tuple[str, int], buffer_bytes: int | None = None
) -> AsyncIterator[socket.socket]:
    """A connection, closed when the block ends; its receive buffer is as small as the system allows where that is asked.

    It is a bare socket: a stream of asyncio's would drop what was answered before a write failed.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as wire:
        wire.setblocking(False)
        if buffer_bytes is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        await asyncio.get_running_loop().sock_connect(wire, address)
        yield wire


class _Answer:
    """An answer as its bytes come."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._status: int | None = None
        self.is_complete = False

    def feed(self, data: bytes) -> None:
        """Take what was read; what is no HTTP ends the answer."""
        with contextlib.suppress(httptools.HttpParserError):
            self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the status."""
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Note that nothing is missing."""
        self.is_complete = True

    def end(self) -> None:
        """Note the end of the connection: it is that of a body whose length was not told (RFC 9112, 6.3)."""
        told = self._headers.keys() & {"content-length", "transfer-encoding"}
        self.is_complete = self.is_complete or (self._status is not None and not told)

    def incoming(self, error: str | None) -> Incoming:
        """What came."""
        return Incoming(status=self._status, headers=self._headers, body=b"".join(self._body), error=error)
