"""A streamed answer over real connections: how it breaks there, and what becomes of the connection."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from harness.provider.streams import streamed
from harness.rig import Reply
from reference_app.contract import FallbackReason
from reference_app.failures import LevelFailed
from reference_app.provider import Attempt, ProviderClient
from reference_app.provider_stream import Listener
from reference_app.settings import Settings

SAID = {
    "intent": "question",
    "confidence": 0.9,
    "reply": "Gr\u00fc\u00dfe, \u00fcber alles \u00dcbrige sp\u00e4ter.",
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


def parts() -> list[bytes]:
    """The events of a good answer."""
    message = {"content": json.dumps(SAID, ensure_ascii=False)}
    body = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    return [part for part in streamed(Reply(headers={}, body=body)).parts if isinstance(part, bytes)]


def chunked(*pieces: bytes) -> bytes:
    """The pieces as chunks of a body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


class Provider:
    """A server that answers each request by `serve`, on as many connections as come."""

    def __init__(self, serve: Serve, *, keeps: bool) -> None:
        self._serve = serve
        self._keeps = keeps
        self.connections = 0
        self.gone = asyncio.Event()
        self.told: list[str] = []
        self.heard = asyncio.Event()

    def tell(self, text: str) -> None:
        """What the client's listener does with a piece of the reply."""
        self.told.append(text)
        self.heard.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; at its end `gone` says that the client has left it."""
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
                await self._serve(writer)
                await writer.drain()
                if not self._keeps:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


@asynccontextmanager
async def asked(serve: Serve, *, keeps: bool = False) -> AsyncIterator[tuple[Any, Provider, list[str]]]:
    """A function that asks such a provider, with what it was told meanwhile."""
    provider = Provider(serve, keeps=keeps)
    server = await asyncio.start_server(provider.accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    client = ProviderClient(Settings(provider_url=url))
    listener = Listener(lambda label, confidence: True, provider.tell)

    async def ask(left_s: float = 10.0) -> Any:
        attempt = Attempt(ends_at=time.monotonic() + left_s, cap_s=left_s, reason=FallbackReason.READ_TIMEOUT)
        try:
            return (await client.converse("hello", (), attempt, listener)).reply
        except LevelFailed as failure:
            return failure.reason

    try:
        yield ask, provider, provider.told
    finally:
        await client.aclose()
        server.close()


async def test_a_stream_that_is_read_to_its_end_leaves_the_connection_to_the_next() -> None:
    """Three streamed answers come over one connection."""

    async def good(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(*parts()) + END)

    async with asked(good, keeps=True) as (ask, provider, _):
        assert [await ask() for _ in range(3)] == [SAID["reply"]] * 3
    assert provider.connections == 1


async def test_a_provider_that_does_not_close_its_body_is_not_waited_for() -> None:
    """After `[DONE]` the answer is there, though the body stays open far beyond; that connection is given up."""

    async def open_ended(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(*parts()))

    async with asked(open_ended, keeps=True) as (ask, provider, _):
        assert await ask(left_s=60.0) == SAID["reply"]
        await provider.gone.wait()


async def test_bytes_that_come_one_by_one_are_an_answer() -> None:
    """Every byte a chunk of its own, characters cut apart too: the reply is whole."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for byte in b"".join(parts()):
            writer.write(chunked(bytes([byte])))
            await writer.drain()
        writer.write(END)

    async with asked(drip) as (ask, _, told):
        assert await ask() == SAID["reply"] == "".join(told)


def inside_a_character() -> bytes:
    """The beginning of a stream that ends after the first byte of a character of the reply."""
    data = b"".join(parts())
    return data[: data.rindex("\u00e4".encode()) + 1]


@pytest.mark.parametrize("how", ["fin", "reset", "end"])
async def test_a_cut_within_a_character_is_no_answer(how: str) -> None:
    """Closed, reset, or ended in good order within a character: what was told is a whole beginning, and no answer comes."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(inside_a_character()))
        await writer.drain()
        if how == "end":
            writer.write(END)
        elif how == "reset":
            await provider.heard.wait()
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async with asked(cut) as (ask, provider, told):
        asking = asyncio.ensure_future(ask())
        await provider.heard.wait()
        expected = FallbackReason.TRUNCATED if how == "end" else FallbackReason.PROVIDER_ERROR
        assert await asking is expected
    assert told
    assert SAID["reply"].startswith("".join(told))
    assert SAID["reply"] != "".join(told)


async def test_silence_within_a_stream_is_a_read_timeout() -> None:
    """A stream that stalls ends by the bound of one read, though nobody outside bounds the whole."""

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(*parts()[:7]))

    async with asked(stall, keeps=True) as (ask, provider, told):
        assert await ask(left_s=1.0) is FallbackReason.READ_TIMEOUT
        await provider.gone.wait()
    assert told


async def test_a_caller_that_leaves_closes_the_connection() -> None:
    """A call that is cancelled in the middle of its stream is aborted at the provider."""

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(*parts()[:7]))

    async with asked(stall, keeps=True) as (ask, provider, _):
        asking = asyncio.ensure_future(ask())
        await provider.heard.wait()
        asking.cancel()
        await asyncio.wait({asking})
        assert asking.cancelled()
        await provider.gone.wait()
