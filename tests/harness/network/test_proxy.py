"""The proxy on its own: real resets, toxics that come and go on open connections, and nothing left behind."""

import asyncio
import contextlib
import errno
import socket
from pathlib import Path
from typing import Any

import pytest
import uvloop

from harness.errors import UsageError
from harness.network import Proxy
from harness.rig import Window
from harness.wire import Toxic

ALWAYS = Window()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    """What the echo gives back for `text`."""
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_what_is_sent_comes_through_with_both_ends(echo: Any) -> None:
    """Without a toxic bytes and the ends of both directions are passed on, and nothing fires."""
    async with echo.connected() as (reader, writer):
        assert await said(reader, writer, b"hello") == b"hello"
        writer.write_eof()
        assert await reader.read() == b""
    assert echo.fired == []


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_reset_is_a_real_one(echo: Any, direction: str) -> None:
    """The bytes before it arrive, and then the kernel itself says that the connection was reset."""
    toxic = Toxic(after_bytes=3, then="reset", direction=direction)
    async with echo.proxy.shaped("network.reset", toxic, ALWAYS), echo.connected() as (reader, writer):
        writer.write(b"hello")
        with pytest.raises(ConnectionResetError) as raised:
            await reader.readexactly(5)
        assert raised.value.errno == errno.ECONNRESET
    assert echo.names == ["network.reset"]


async def test_the_server_is_reset_too(front: Any) -> None:
    """A reset ends both ends: the server's reading fails as the client's does."""
    ended = asyncio.get_running_loop().create_future()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        try:
            ended.set_result(await reader.read())
        except ConnectionResetError as error:
            ended.set_result(error)

    async with front(listens) as bench:
        toxic = Toxic(after_bytes=0, then="reset")
        async with bench.proxy.shaped("network.reset", toxic, ALWAYS), bench.connected():
            assert isinstance(await ended, ConnectionResetError)


async def test_a_reset_of_one_end_is_passed_on_as_one(front: Any) -> None:
    """Where the server itself resets, the client does not see an orderly end."""

    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with front(resets) as bench, bench.connected() as (reader, writer):
        writer.write(b"?")
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    """A connection to a proxy whose server does not listen is accepted, and reset."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with Proxy("provider", upstream=nobody.getsockname()[1], fired=lambda *_: None) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()


@pytest.mark.parametrize("first", [0, 1])
async def test_two_toxics_mend_in_either_order(echo: Any, first: int) -> None:
    """On one connection that stays open, each of two holes goes by itself, and the other still swallows."""
    hole = [Toxic(after_bytes=0, then="hole", direction=way) for way in ("up", "down")]
    shapings = [echo.proxy.shaped(f"hole {number}", toxic, ALWAYS) for number, toxic in enumerate(hole)]
    async with echo.connected() as (reader, writer):
        await said(reader, writer, b"before")
        for one in shapings:
            await one.__aenter__()
        await shapings[first].__aexit__(None, None, None)
        async with echo.connected() as (silent, speaks):
            speaks.write(b"lost")
            await echo.has_fired.wait()
            assert echo.names == [f"hole {1 - first}"]
            await shapings[1 - first].__aexit__(None, None, None)
            with pytest.raises(ConnectionResetError):  # its stream has a gap now
                await silent.read()
        assert await said(reader, writer, b"after") == b"after"


async def test_what_was_held_up_comes_when_the_toxic_goes(echo: Any) -> None:
    """Bytes that wait for a latency of an hour are passed on as soon as it is healed; nothing of them is lost."""
    async with echo.connected() as (reader, writer):
        async with echo.proxy.shaped("network.latency", Toxic(latency_ms=3_600_000), ALWAYS):
            writer.write(b"hello")
            await echo.has_fired.wait()
        assert await reader.readexactly(5) == b"hello"
    assert echo.names == ["network.latency"]


async def test_a_close_that_is_passed_on_late_comes_when_the_toxic_goes(echo: Any) -> None:
    """The other end does not see a close for an hour, but at once when that is healed."""
    async with echo.connected() as (reader, writer):
        async with echo.proxy.shaped("slow", Toxic(close_delay_ms=3_600_000, direction="both"), ALWAYS):
            writer.write_eof()
            await echo.has_fired.wait()
        assert await reader.read() == b""


async def test_a_window_chooses_connections(echo: Any) -> None:
    """Of the connections that come, a toxic meets those that its window lets through; those that are open count first."""
    async with contextlib.AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(echo.connected())]
        await said(*ends[0], b"-")
        toxic = Toxic(after_bytes=0, then="reset")
        await stack.enter_async_context(echo.proxy.shaped("it", toxic, Window(every_k=2)))
        ends += [await stack.enter_async_context(echo.connected()) for _ in range(3)]
        results = [await asyncio.gather(said(*end, b"x"), return_exceptions=True) for end in ends]
    assert [type(result[0]) for result in results] == [bytes, ConnectionResetError] * 2
    assert [detail.partition(":")[0] for _, detail in echo.fired] == [
        "connection 2 of the test link",
        "connection 4 of the test link",
    ]


async def test_a_hang_leaves_the_connect_waiting_and_mends(echo: Any) -> None:
    """While it hangs a connect does not come back, and each is a firing; then the same client gets in."""
    async with echo.proxy.shaped("hang", Toxic(connect="hang"), ALWAYS):
        connecting = asyncio.ensure_future(asyncio.open_connection("127.0.0.1", echo.proxy.port))
        await echo.has_fired.wait()
        assert not connecting.done()
    reader, writer = await connecting  # the kernel sends its SYN again
    assert await said(reader, writer, b"hello") == b"hello"
    async with echo.proxy.shaped("reset", Toxic(after_bytes=0, then="reset"), ALWAYS):
        with pytest.raises(ConnectionResetError):
            await said(reader, writer, b"hello")
    writer.close()
    assert [detail.partition(":")[0] for _, detail in echo.fired] == [
        "a connection of the test link was not accepted",
        "connection 1 of the test link",  # what filled the backlog was none
    ]


@pytest.mark.parametrize("first", [0, 1])
async def test_a_refusal_and_a_hang_mend_in_either_order(echo: Any, first: int) -> None:
    """While both are there the wire refuses; whichever goes first, the other stays."""
    both = [echo.proxy.refused("refused"), echo.proxy.shaped("hang", Toxic(connect="hang"), ALWAYS)]
    for one in both:
        await one.__aenter__()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", echo.proxy.port)
    await both[first].__aexit__(None, None, None)
    if first == 0:
        connecting = asyncio.ensure_future(asyncio.open_connection("127.0.0.1", echo.proxy.port))
        await echo.has_fired.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
    else:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", echo.proxy.port)
    await both[1 - first].__aexit__(None, None, None)
    async with echo.connected() as (reader, writer):
        assert await said(reader, writer, b"hello") == b"hello"


async def test_a_name_is_not_looked_up_here(echo: Any) -> None:
    """A proxy has an address: what a resolver would do wrong cannot be played, and is refused in one line."""
    with pytest.raises(UsageError, match="play it simulated"):
        await echo.proxy.shaped("network.dns_failure", Toxic(connect="unresolved"), ALWAYS).__aenter__()


async def test_a_sender_is_held_up_by_a_reader_that_does_not_read(front: Any) -> None:
    """What the client does not take fills the sockets and a bounded store, and then the server's writing waits."""
    stuck = asyncio.Event()

    async def pours(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        for _ in range(4096):
            writer.write(bytes(65536))
            drained = asyncio.ensure_future(writer.drain())
            if not (await asyncio.wait({drained}, timeout=1.0))[0]:
                stuck.set()
            await drained

    async with front(pours) as bench, bench.connected():
        await stuck.wait()


def descriptors_open() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


HELD = (
    Toxic(latency_ms=60_000),
    Toxic(bytes_per_s=1),
    Toxic(after_bytes=0, then="hole"),
    Toxic(after_bytes=0),
    Toxic(idle_s=60, close_delay_ms=60_000, after_ms=60_000),
)


async def left_behind(talk: Any) -> tuple[set[Any], int]:
    """What a proxy leaves that ends while toxics hold its connections up, and after its wire has hung and refused."""
    tasks, descriptors = asyncio.all_tasks(), descriptors_open()
    talking: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            await talk(reader, writer)
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        proxy = await stack.enter_async_context(Proxy("test", upstream=port, fired=lambda *_: None))
        async with proxy.shaped("hang", Toxic(connect="hang"), ALWAYS), proxy.refused("refused"):
            pass
        ends = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in HELD]
        for end in ends:
            await said(*end, b"hello")
        for number, toxic in enumerate(HELD):
            await stack.enter_async_context(proxy.shaped("it", toxic, Window(every_k=number + 1)))
        for _, writer in ends:
            writer.write(b"lost, some of it")
        await stack.aclose()
        for _, writer in ends:
            writer.close()
        server.close()
    await asyncio.wait(talking)
    await asyncio.sleep(0.01)  # the ends of the clients and of the server close some turns later
    return asyncio.all_tasks() - tasks, descriptors_open() - descriptors


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_nothing_is_left_behind(echo_server: Any, factory: Any) -> None:
    """The end of a proxy ends its tasks and descriptors, whatever its toxics hold, on asyncio's loop and on uvloop."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(left_behind(echo_server))  # the loop itself opens something at its first connection
        tasks, descriptors = runner.run(left_behind(echo_server))
    assert tasks == set()
    assert descriptors == 0
