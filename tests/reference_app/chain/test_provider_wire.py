"""The provider's client over real connections: what aiohttp reports is named rightly, and nothing leaks."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import uvloop

from reference_app.bridge import Bridge
from reference_app.contract import FallbackReason
from reference_app.failures import LevelFailed
from reference_app.provider import Attempt, ProviderClient
from reference_app.settings import Settings

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def attempt(left_s: float = 5.0) -> Attempt:
    return Attempt(ends_at=time.monotonic() + left_s, cap_s=left_s, reason=FallbackReason.READ_TIMEOUT)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    """A provider's address; every connection is answered by `serve` and closed after it."""
    done: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        done.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)


async def failure(url: str, left_s: float = 5.0) -> FallbackReason:
    client = ProviderClient(Settings(provider_url=url))
    try:
        with pytest.raises(LevelFailed) as failed:
            await client.converse("hello", (), attempt(left_s))
    finally:
        await client.aclose()
    return failed.value.reason


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """A loop of each kind that the service may run on."""
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    reset(writer)


async def cut_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + b'content-length: 100\r\n\r\n{"choices": [')
    await writer.drain()


async def bad_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\nabc\r\n")
    await writer.drain()


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"\x00\x01 nonsense\r\n\r\n")
    await writer.drain()


async def odd_reason(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 \xff\xff\r\ncontent-length: 2\r\n\r\n{}")
    await writer.drain()


@pytest.mark.parametrize("serve", [close_at_once, reset_at_once, cut_body, bad_chunk, no_http, odd_reason])
def test_a_connection_that_breaks_is_a_provider_error(runner: asyncio.Runner, serve: Serve) -> None:
    """A provider that takes the request and breaks off or breaks HTTP is `provider_error`, and is not called again."""
    requests = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await serve(reader, writer)

    async def scenario() -> None:
        async with serving(counted) as url:
            assert await failure(url) is FallbackReason.PROVIDER_ERROR
        assert requests == 1

    runner.run(scenario())


def test_a_refused_connection_is_a_connect_failure(runner: asyncio.Runner) -> None:
    """Nobody listening is `connect_failed`, which httpx-aiohttp itself does not tell from a broken connection."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        assert runner.run(failure(url)) is FallbackReason.CONNECT_FAILED


def test_a_connection_that_is_never_accepted_is_a_connect_failure(runner: asyncio.Runner) -> None:
    """A listener whose queue is full is `connect_failed` within the attempt, not a hang and not a read timeout."""
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        assert runner.run(failure(url, left_s=0.3)) is FallbackReason.CONNECT_FAILED
        for one in waiting:
            one.close()


def test_silence_is_a_read_timeout(runner: asyncio.Runner) -> None:
    """A provider that takes the request and says nothing is `read_timeout`."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with serving(silent) as url:
            assert await failure(url, left_s=0.1) is FallbackReason.READ_TIMEOUT

    runner.run(scenario())


BODY = (
    b'{"choices": [{"finish_reason": "stop", "message": {"content": '
    b'"{\\"intent\\": \\"request\\", \\"confidence\\": 0.9, \\"reply\\": \\"Yes.\\"}"}}]}'
)
GOOD = b"content-length: %d\r\n\r\n" % len(BODY) + BODY


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(HEAD + GOOD)
        await writer.drain()


def test_no_cookie_is_kept(runner: asyncio.Runner) -> None:
    """A cookie that the provider sets on one call is not sent with the next, which may be another user's."""
    requests: list[bytes] = []

    async def setting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(HEAD + b"set-cookie: user=first; Path=/\r\n" + GOOD)
            await writer.drain()

    async def scenario() -> None:
        async with serving(setting) as url:
            # By name: of an address in numbers no cookie is kept by anybody.
            client = ProviderClient(Settings(provider_url=url.replace("127.0.0.1", "localhost")))
            for _ in range(2):
                await client.converse("hello", (), attempt())
            await client.aclose()
        assert len(requests) == 2
        assert b"cookie" not in requests[1].lower()

    runner.run(scenario())


def test_no_more_connections_than_allowed(runner: asyncio.Runner) -> None:
    """All connections that are allowed can be in use at once, and a call beyond them waits for one of them."""
    here, allowed, full = 0, 120, asyncio.Event()

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal here
        here += 1
        if here == allowed:
            full.set()
        await full.wait()
        await answer(reader, writer)

    async def scenario() -> None:
        async with serving(counted) as url:
            client = ProviderClient(Settings(provider_url=url, provider_connections_max=allowed))
            said = await asyncio.gather(
                *(client.converse("hello", (), attempt(30.0)) for _ in range(allowed + 1))
            )
            await client.aclose()
        assert [one.reply for one in said] == ["Yes."] * (allowed + 1)
        assert here == allowed

    runner.run(scenario())


def test_connections_are_kept_and_belong_to_their_loop(runner: asyncio.Runner, recorder: Any) -> None:
    """Calls on two loops use a connection each, repeated calls the same one, and `aclose` closes both without a warning."""
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer(reader, writer)

    async def scenario() -> None:
        bridge = Bridge(log=recorder)
        async with serving(counted) as url:
            client = ProviderClient(Settings(provider_url=url))
            for _ in range(3):
                assert (await client.converse("a", (), attempt())).reply == "Yes."
                # A bridge that has adopted no loop runs it on its own, from a thread that it does not know.
                assert (
                    await asyncio.to_thread(bridge.run, client.converse, "b", (), attempt())
                ).reply == "Yes."
            assert connections == 2
            await client.aclose()
        bridge.close()

    runner.run(scenario())


def test_a_loop_that_has_ended_is_no_obstacle() -> None:
    """A client that was used on a loop now closed works on the next one, and closes without a warning."""
    made: list[ProviderClient] = []

    async def call() -> None:
        async with serving(answer) as url:
            made.append(ProviderClient(Settings(provider_url=url)))
            await made[0].converse("first", (), attempt())

    async def call_again() -> None:
        with pytest.raises(LevelFailed):  # that server has gone, but the call is made, on this loop
            await made[0].converse("second", (), attempt(0.3))
        await made[0].aclose()

    asyncio.run(call())
    asyncio.run(call_again())
