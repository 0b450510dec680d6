"""Connections that are slow, silent, or out of order, against a listener that says what it saw."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from client_bench import Bench

from harness.errors import UsageError
from harness.faults.client_connections import (
    ClientBadFraming,
    ClientChunkedBody,
    ClientIdleConnections,
    ClientSlowloris,
    ClientSlowReader,
)
from harness.faults.client_wire import OnWire
from harness.rig import Window
from harness.scenario import Turn

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[tuple[str, int]]:
    """A listener on a free port, whose handlers have ended when the block has."""
    tasks: list[asyncio.Task[None]] = []

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, limit=200_000)
    async with server:
        yield server.sockets[0].getsockname()
    await asyncio.gather(*tasks, return_exceptions=True)


def says(answer: bytes, heads: list[bytes], bodies: list[bytes] | None = None) -> Handler:
    """A handler that notes the head of a request, and what came of its body at once, and answers."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if bodies is not None:
            bodies.append(await reader.readuntil(b"\r\n0\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    return handler


REQUEST = OnWire(method="POST", path="/turn", headers={"x-request-id": "r"}, body=b"{}")
REFUSES = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nbad"


async def play(bench: Bench, fault: Any, *steps: Turn) -> None:
    """Play a turn that opens session a, and one more under the fault."""
    window = replace(fault.window, from_step=1, until_step=1)
    await bench.play(Turn(), *(steps or (Turn(), Turn())), faults=(replace(fault, window=window),))


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("two_lengths", b"\r\ncontent-length: 7\r\n"),
        ("length_and_chunks", b"\r\ntransfer-encoding: chunked\r\n"),
        ("control", b"\x00"),
        ("folded", b"\r\n b\r\n"),
    ],
)
async def test_a_header_that_no_client_would_send_arrives_as_it_is(form: str, line: bytes) -> None:
    """What contradicts itself is on the wire beside an ordinary header, and the refusal is recorded as expected."""
    heads: list[bytes] = []
    async with listening(says(REFUSES, heads)) as address:
        bench = Bench(address)
        await play(bench, ClientBadFraming(form=form))
    (head,), (beside,) = heads, bench.exchanges("beside")
    assert line in head
    assert f"x-request-id: {beside.request_id}".encode() in head
    assert head.count(b"content-length: ") == (2 if form == "two_lengths" else 1)
    assert (beside.status, beside.body, beside.error) == (400, "bad", None)
    assert "session" not in beside.request
    assert 400 in beside.expected
    assert bench.fired == ["client.bad_framing"]


async def test_a_body_in_chunks_tells_no_length() -> None:
    """Each byte of the message comes in chunks, and nothing before them says how many there are."""
    heads, bodies = list[bytes](), list[bytes]()
    async with listening(says(REFUSES, heads, bodies)) as address:
        bench = Bench(address)
        await play(bench, ClientChunkedBody(size_bytes=100_000))
    assert b"content-length" not in heads[0]
    assert b"transfer-encoding: chunked" in heads[0]
    assert bodies[0].startswith(b"10000\r\n")
    assert bodies[0].count(b"x") == 100_000
    assert [one.status for one in bench.exchanges("beside")] == [400]


async def test_who_is_refused_before_all_is_sent_reads_the_refusal() -> None:
    """A target that answers early and reads no further is heard, and not taken for one that broke off."""
    async with listening(says(REFUSES, [])) as address:
        bench = Bench(address)
        await play(bench, ClientChunkedBody(size_bytes=20_000_000))
    (beside,) = bench.exchanges("beside")
    assert (beside.status, beside.error) == (400, None)
    assert beside.session != "a"


async def test_who_is_answered_sends_no_more() -> None:
    """A slow writer that has its answer stops where it is."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readexactly(1))
        writer.write(REFUSES)
        seen.append(await reader.read(-1))

    async with listening(handler) as address:
        incoming = await replace(REQUEST, byte_every_s=60.0).over(address)
    assert incoming.status == 400
    assert b"".join(seen) == b"P"


@pytest.mark.parametrize("part", ["head", "body"])
async def test_slow_writers_leave_and_the_turn_goes_on(part: str) -> None:
    """Each of three clients has begun, has not ended, and has left; the turn beside them was answered."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(-1))

    async with listening(handler) as address:
        bench = Bench(address)
        await play(bench, ClientSlowloris(part=part, n=3, byte_every_s=1.0, for_s=0.5))
    assert len(seen) == 3
    for request in seen:
        assert request[:1] == b"P"
        assert (b"\r\n\r\n" in request) == (part == "body")
        assert not request.endswith(b"}")
    assert [one.left for one in bench.exchanges("beside")] == [True] * 3
    assert not any("session" in one.request for one in bench.exchanges("beside"))
    assert [one.status for one in bench.exchanges("turn")] == [200] * 3
    assert bench.fired == ["client.slowloris"]


async def test_idle_connections_are_held_until_the_fault_is_healed() -> None:
    """All of them are open while the next turns are held, and closed when it is over; none has said a word."""
    opened, ended = list[bytes](), list[bytes]()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(b"")
        ended.append(await reader.read(-1))

    async with listening(handler) as address:
        bench = Bench(address)
        during: list[int] = []

        async def noting(outgoing: Any) -> Any:
            if b"now" in outgoing.body:
                during.append(len(ended))
            return await bench.honest(outgoing)

        bench.answers = noting
        await play(bench, ClientIdleConnections(n=20), Turn(message="now"))
    assert (during, len(opened), ended) == ([0], 20, [b""] * 20)
    assert bench.fired == ["client.idle_connections"]


async def test_a_slow_reader_reads_the_turn_to_its_end() -> None:
    """The turn itself is read slowly, through a small buffer, and is on record with all of its answer."""
    text = b'{"sid": "s1", "text": "' + b"y" * 300_000 + b'"}'
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text)
    async with listening(says(whole + text, [])) as address:
        bench = Bench(address)
        await play(bench, ClientSlowReader(bytes_per_s=2000, slow_s=0.1, window=Window(first_n=1)))
    turn = bench.exchanges("turn")[1]
    assert (turn.status, turn.error, len(turn.reply or "")) == (200, None, 300_000)
    assert bench.fired == ["client.slow_reader"]


@pytest.mark.parametrize(
    ("answer", "status", "body", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nno length", 400, b"no length", None),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut", 200, b"cut", "RemoteProtocolError"),
        (b"", None, b"", "RemoteProtocolError"),
        (b"SMTP says hello\r\n\r\n", None, b"", "RemoteProtocolError"),
    ],
)
async def test_an_answer_is_read_to_the_end_that_it_has(
    answer: bytes, status: int | None, body: bytes, error: str | None
) -> None:
    """By its length, its chunks, or the end of the connection; what breaks off keeps what came, and says so."""
    async with listening(says(answer, [])) as address:
        incoming = await REQUEST.over(address)
    assert (incoming.status, incoming.body, incoming.error) == (status, body, error)


async def test_where_nobody_listens_the_request_says_so() -> None:
    """A refused connection is an answer that never came, by its name."""
    async with listening(says(b"", [])) as address:
        pass
    incoming = await REQUEST.over(address)
    assert (incoming.status, incoming.error) == (None, "ConnectionRefusedError")


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (ClientSlowReader, {"bytes_per_s": 0}, "at least 1"),
        (ClientSlowReader, {"slow_s": 0}, "at least 0.01"),
        (ClientSlowReader, {"buffer_bytes": 1}, "at least 256"),
        (ClientSlowloris, {"part": "tail"}, "'head', 'body'"),
        (ClientSlowloris, {"n": 0}, "at least 1"),
        (ClientSlowloris, {"byte_every_s": 0}, "at least 0.001"),
        (ClientSlowloris, {"for_s": 0}, "at least 0.01"),
        (ClientIdleConnections, {"n": 0}, "at least 1"),
        (ClientChunkedBody, {"size_bytes": 1}, "at least 1000"),
        (ClientBadFraming, {"form": "pretty"}, "'two_lengths', 'length_and_chunks'"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(kind: Any, knobs: dict[str, Any], remedy: str) -> None:
    """What could never be done is refused where the fault is made, with what would be right."""
    with pytest.raises(UsageError, match=remedy):
        kind(**knobs)
