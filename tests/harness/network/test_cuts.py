"""Connections that end because the wire begins to refuse: a firing only where somebody lost or missed one."""

import asyncio
import socket
from typing import Any

import pytest


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """What comes back for this."""
    writer.write(data)
    return await reader.readexactly(len(data))


async def test_refusing_cuts_what_is_open(echo: Any) -> None:
    """A connection that is open when the wire begins to refuse ends, and the port is kept meanwhile.

    It was at rest: that is a firing once another one is opened for it, and no second one is.
    """
    async with echo.connected() as (reader, writer):
        await said(reader, writer, b"hello")
        async with echo.proxy.refused("network.refused"):
            assert await reader.read() == b""
            with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
                stranger.bind(("127.0.0.1", echo.proxy.port))
    assert echo.fired == []
    for _ in range(2):
        async with echo.connected() as (reader, writer):
            await said(reader, writer, b"hello")
    what = "an open connection of the test link was cut, and another one was opened for it"
    assert echo.fired == [("network.refused", what)]


async def test_cutting_what_nobody_used_is_no_firing(echo: Any) -> None:
    """A connection on which nothing was ever said ends when the wire refuses, and nobody has lost anything by it."""
    async with echo.connected() as (reader, _), echo.proxy.refused("network.refused"):
        assert await reader.read() == b""
    async with echo.connected() as (reader, writer):
        await said(reader, writer, b"hello")
    assert echo.fired == []


async def test_cutting_what_is_asked_just_now_is_a_firing(front: Any) -> None:
    """A request that is on its way when the wire begins to refuse is lost: that is the firing, at once."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await over.wait()

    async with front(silent) as bench:
        async with bench.connected() as (reader, writer):
            writer.write(b"x")
            await asked.wait()
            async with bench.proxy.refused("network.refused"):
                assert await reader.read() == b""
                assert bench.fired == [("network.refused", "an open connection of the test link was cut")]
        over.set()
