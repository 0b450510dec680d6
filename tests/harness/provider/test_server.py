"""The provider over TCP: its wire, its bounds, and that nothing of it is left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from harness.errors import InvalidRun, UsageError
from harness.faults import ProviderNoReply
from harness.provider import ProviderServer
from harness.provider.connection import REQUEST_BYTES_MAX
from harness.rig import Rig, Window

MODELS = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
BODY = b'{"messages": [{"role": "user", "content": "Hello"}]}'
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
HANG_S = 10.0


@asynccontextmanager
async def serving(parts: Any, **options: Any) -> AsyncIterator[ProviderServer]:
    async with (
        asyncio.timeout(HANG_S),
        ProviderServer(parts.script, parts.witness, fired=parts.record, **options) as server,
    ):
        yield server


@asynccontextmanager
async def connected(
    server: ProviderServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def head(reader: asyncio.StreamReader) -> str:
    """The head of a reply; its body is read away."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(line for line in text.lower().splitlines() if line.startswith("content-length"))
    await reader.readexactly(int(length.split(":")[1]))
    return text


def silent(parts: Any, clock: Any, server: ProviderServer) -> Any:
    rig = Rig(provider=parts.script, network=server, clock=clock)
    return ProviderNoReply(for_s=600).inject(rig)


async def test_a_connection_is_kept_alive(parts: Any) -> None:
    """One connection carries one request after another, and ends when the client asks for it."""
    async with serving(parts) as server, connected(server) as (reader, writer):
        for _ in range(3):
            writer.write(MODELS)
            assert (await head(reader)).startswith("HTTP/1.1 200 OK")
        writer.write(MODELS.replace(b"host: x", b"connection: close"))
        assert "connection: close" in await head(reader)
        assert await reader.read() == b""


async def test_a_body_may_come_in_chunks_and_byte_by_byte(parts: Any) -> None:
    """Chunked bodies and slow clients are parsed like any other."""
    chunked = ASK.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    async with serving(parts) as server, connected(server) as (reader, writer):
        for at in range(len(chunked)):
            writer.write(chunked[at : at + 1])
            await writer.drain()
        assert (await head(reader)).startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01 nonsense\r\n\r\n", 400),
        (MODELS + MODELS, 400),
        (ASK.replace(b"%d" % len(BODY), b"%d" % (REQUEST_BYTES_MAX + 1)) + b"x" * REQUEST_BYTES_MAX, 413),
    ],
    ids=["garbage", "pipelined", "huge"],
)
async def test_what_a_connection_may_not_carry_ends_it(parts: Any, sent: bytes, status: int) -> None:
    """Garbage, pipelining and a request beyond the bound get a status and the end of the connection."""
    async with serving(parts) as server, connected(server) as (reader, writer):
        writer.write(sent)
        assert (await head(reader)).startswith(f"HTTP/1.1 {status}")
        assert parts.witness.in_flight == 0


async def test_a_request_after_a_large_one_is_not_counted_with_it(parts: Any) -> None:
    """The bound is for one request: a kept-alive connection never runs into it by its age."""
    body = BODY + b" " * (REQUEST_BYTES_MAX // 2)
    large = ASK.replace(b"%d" % len(BODY), b"%d" % len(body)).partition(BODY)[0] + body
    async with serving(parts) as server, connected(server) as (reader, writer):
        for _ in range(3):
            writer.write(large)
            assert (await head(reader)).startswith("HTTP/1.1 200")


async def test_a_request_while_another_is_pending_is_refused(parts: Any, still_clock: Any) -> None:
    """A second request on a busy connection ends both, and the first is witnessed as aborted."""
    async with (
        serving(parts) as server,
        silent(parts, still_clock, server),
        connected(server) as (reader, writer),
    ):
        writer.write(ASK)
        await parts.witness.call_began.wait()
        writer.write(ASK)
        assert (await head(reader)).startswith("HTTP/1.1 400")
        await parts.witness.call_aborted.wait()


async def test_connections_are_bounded(parts: Any) -> None:
    """One connection too many is told so and closed; when another goes there is room again."""
    async with serving(parts, connections_max=1) as server, connected(server) as (reader, writer):
        writer.write(MODELS)
        await head(reader)
        async with connected(server) as (more, _):
            assert (await head(more)).startswith("HTTP/1.1 503")
            assert await more.read() == b""
        writer.write(MODELS)
        assert (await head(reader)).startswith("HTTP/1.1 200")


@pytest.mark.parametrize("how", ["close", "abort", "half_close"])
async def test_a_client_that_leaves_is_noticed_at_once(parts: Any, still_clock: Any, how: str) -> None:
    """No byte is ever written to a silent call, and still its end is seen, however the client goes."""
    async with serving(parts) as server, silent(parts, still_clock, server), connected(server) as (_, writer):
        writer.write(ASK)
        await parts.witness.call_began.wait()
        {"close": writer.close, "abort": writer.transport.abort, "half_close": writer.write_eof}[how]()
        await parts.witness.call_aborted.wait()
    assert [call.outcome for call in parts.witness.records()] == ["aborted"]


async def test_refusing_is_real_and_mends_on_the_same_port(parts: Any) -> None:
    """While refused the kernel itself refuses, and connections that were open have ended; then all is as before."""
    async with serving(parts) as server, connected(server) as (reader, writer):
        base_url = server.base_url
        writer.write(MODELS)
        await head(reader)
        async with server.refused("network.refused"):
            assert await reader.read() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)
        assert parts.fired == [("network.refused", "an open connection to the provider was cut")]
        assert server.base_url == base_url
        async with connected(server) as (again, more):
            more.write(MODELS)
            assert (await head(again)).startswith("HTTP/1.1 200")


async def test_a_port_that_refuses_is_kept(parts: Any) -> None:
    """While refused nobody else can take the port, so that mending cannot fail and no client meets a stranger."""
    async with serving(parts) as server, server.refused("network.refused"):
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", server.port))


def descriptors_open() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def left_behind(parts: Any, clock: Any) -> tuple[set[Any], int]:
    """What a server leaves that stops while a call is pending, a connection idle and its wire refused."""
    tasks, descriptors = asyncio.all_tasks(), descriptors_open()
    async with serving(parts) as server, silent(parts, clock, server), connected(server) as (_, idle):
        idle.write(b"POST /v1/")
        async with connected(server) as (_, writer):
            parts.witness.call_began.clear()
            writer.write(ASK)
            await parts.witness.call_began.wait()
            async with server.refused("network.refused"):
                pass
            async with connected(server) as (_, again):
                parts.witness.call_began.clear()
                again.write(ASK)
                await parts.witness.call_began.wait()
    await asyncio.sleep(0)  # the clients' own ends close one turn later
    return asyncio.all_tasks() - tasks, descriptors_open() - descriptors


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_nothing_is_left_behind(parts: Any, still_clock: Any, factory: Any) -> None:
    """Stopping ends every task and descriptor, on asyncio's loop and on uvloop, and no call stays open."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(left_behind(parts, still_clock))  # the loop itself opens something at its first connection
        tasks, descriptors = runner.run(left_behind(parts, still_clock))
    assert tasks == set()
    assert descriptors == 0
    assert parts.witness.in_flight == 0
    assert parts.witness.calls == 4


async def test_stopping_waits_for_what_it_cancels(parts: Any) -> None:
    """A rule that takes its time to end has ended when the server has."""
    ended: list[str] = []

    async def slow_to_end(call: Any, answer: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            ended.append("it")

    async with (
        parts.script.wrapped("a", slow_to_end, Window()),
        serving(parts) as server,
        connected(server) as (_, writer),
    ):
        writer.write(ASK)
        await parts.witness.call_began.wait()
        await server.__aexit__()
        assert ended == ["it"]


async def test_a_port_that_is_taken_is_a_usage_error(parts: Any) -> None:
    """Asking for somebody else's port says so in one line."""
    async with serving(parts) as server:
        with pytest.raises(UsageError, match=f"provider port {server.port}.*name another"):
            await ProviderServer(
                parts.script, parts.witness, fired=parts.record, port=server.port
            ).__aenter__()


async def test_a_rule_that_crashes_makes_the_run_invalid(parts: Any) -> None:
    """A bug in an injector is no finding about the service: the client sees an end, the run does not count."""

    async def crash(call: Any, answer: Any) -> Any:
        raise KeyError("bug")

    server = ProviderServer(parts.script, parts.witness, fired=parts.record)
    await server.__aenter__()
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        parts.script.wrapped("a", crash, Window()),
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(f"{server.base_url}/chat/completions", content=BODY)
    with pytest.raises(InvalidRun, match="KeyError: 'bug'"):
        await server.__aexit__()
