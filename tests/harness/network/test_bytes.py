"""Whatever a link does to the timing and the pieces of what it carries, the bytes are the same."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.rig import Window
from harness.wire import Toxic

TOXICS = st.builds(
    Toxic,
    direction=st.sampled_from(["up", "down", "both"]),
    latency_ms=st.sampled_from([0.0, 0.5]),
    jitter_ms=st.sampled_from([0.0, 2.0]),
    chunk_bytes=st.none() | st.integers(1, 40),
    gap_ms=st.sampled_from([0.0, 0.01]),
    bytes_per_s=st.none() | st.just(10_000_000.0),
    after_bytes=st.none() | st.just(1_000_000),
)
PLAIN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def through(front: Any, talk: Any, toxics: list[Toxic], sent: list[bytes]) -> bytes:
    """What comes back from the echo, while the toxics are put there and taken away, the first one first."""
    async with front(talk) as bench, bench.connected() as (reader, writer):
        shapings = [bench.proxy.shaped(f"it {number}", one, Window()) for number, one in enumerate(toxics)]
        receiving = asyncio.ensure_future(reader.read(-1))
        for index, piece in enumerate(sent):
            if index < len(shapings):
                await shapings[index].__aenter__()
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        for shaping in shapings[: len(sent)]:
            await asyncio.sleep(0)
            await shaping.__aexit__(None, None, None)
        return await receiving


@PLAIN
@given(toxics=st.lists(TOXICS, max_size=4), sent=st.lists(st.binary(max_size=600), max_size=8))
def test_what_goes_in_comes_out(front: Any, echo_server: Any, toxics: list[Toxic], sent: list[bytes]) -> None:
    """In any stack of toxics that lose nothing, entered and left while bytes are on their way, no byte is another."""
    assert asyncio.run(through(front, echo_server, toxics, sent)) == b"".join(sent)


@settings(PLAIN, max_examples=20)
@given(chunk_bytes=st.integers(1, 9), text=st.text(min_size=1, max_size=60))
def test_pieces_are_as_small_as_they_are_to_be(front: Any, chunk_bytes: int, text: str) -> None:
    """Each piece is read by itself where there is a gap, cuts inside a character included, and together they are the text."""
    pieces: list[bytes] = []

    async def reads(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            pieces.append(piece)

    async def play() -> None:
        toxic = Toxic(direction="up", chunk_bytes=chunk_bytes, gap_ms=1.0)
        async with front(reads) as bench, bench.proxy.shaped("network.slicer", toxic, Window()):
            async with bench.connected() as (reader, writer):
                writer.write(text.encode())
                writer.write_eof()
                assert await reader.read() == b""
            assert bench.names == ["network.slicer"] * (len(text.encode()) > chunk_bytes)

    asyncio.run(play())
    assert b"".join(pieces) == text.encode()
    assert len(pieces) > 1 or len(text.encode()) <= chunk_bytes


@pytest.mark.parametrize("direction", ["up", "down"])
@settings(PLAIN, max_examples=20)
@given(
    after_bytes=st.integers(0, 50), sent=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6)
)
def test_a_limit_lets_so_many_bytes_through(
    front: Any, direction: str, after_bytes: int, sent: list[bytes]
) -> None:
    """Exactly the first so many bytes come out, whatever pieces they are sent in; nothing fires where there are no more."""
    whole = b"".join(sent)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = len(whole)
        while left and (data := await reader.read(65536)):
            left -= len(data)
            writer.write(data)
        writer.write_eof()

    async def play() -> None:
        toxic = Toxic(after_bytes=after_bytes, direction=direction, then="half")
        async with (
            front(answers) as bench,
            bench.proxy.shaped("network.limit_data", toxic, Window()),
            bench.connected() as (reader, writer),
        ):
            for piece in sent:
                writer.write(piece)
                await asyncio.sleep(0)
            assert await reader.read() == whole[:after_bytes]
            assert bool(bench.fired) == (len(whole) > after_bytes)

    asyncio.run(play())
