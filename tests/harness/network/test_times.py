"""What a proxy does to a connection by time: late, when it is idle, and never after its end."""

import asyncio
from typing import Any

import pytest

from harness.rig import Window
from harness.wire import Toxic

ALWAYS = Window()


async def test_an_answer_that_comes_in_pieces_is_no_idle_time(echo: Any) -> None:
    """A connection is idle when the last piece of an answer has been passed on, and is closed then."""
    toxic = Toxic(chunk_bytes=1, gap_ms=2, idle_s=1e-6)
    async with echo.proxy.shaped("it", toxic, ALWAYS), echo.connected() as (reader, writer):
        writer.write(b"hello")
        assert await reader.read() == b"hello"


async def test_a_close_that_is_late_comes_when_the_toxic_goes(front: Any) -> None:
    """The client of a connection that is gone learns of it in an hour, or as soon as that heals; what it sends is lost."""
    got: list[bytes] = []
    closed, over = asyncio.Event(), asyncio.Event()

    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(5))
        got.append(await reader.read())
        closed.set()
        await over.wait()

    async with front(stays) as bench, bench.connected() as (reader, writer):
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        toxic = Toxic(idle_s=1e-6, close_delay_ms=3_600_000)
        async with bench.proxy.shaped("slow", toxic, ALWAYS):
            await closed.wait()
            assert bench.fired == []
            writer.write(b"lost")
            await bench.has_fired.wait()
        assert await reader.read() == b""
        over.set()
    assert got == [b""]


async def test_a_connection_that_has_ended_is_not_fired_on(echo: Any) -> None:
    """Of two connections that are to be reset after a time, the one that ended before is left out."""
    async with echo.proxy.shaped("reset", Toxic(after_ms=100, then="reset"), ALWAYS):
        async with echo.connected() as (reader, writer):
            writer.write_eof()
            assert await reader.read() == b""
        async with echo.connected() as (reader, _):
            with pytest.raises(ConnectionResetError):
                await reader.read()
    assert echo.fired == [("reset", "connection 2 of the test link: both ends were reset")]
