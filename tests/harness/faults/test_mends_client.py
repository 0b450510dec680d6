"""Each fault of the clients mends, beside itself or another, whichever of the two ends first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from client_bench import Bench
from felt_mending import ORDERS, made, pairs, played

from harness.history import Exchange, FaultFired
from harness.rig import Incoming, Outgoing, Window
from harness.scenario import Turn
from harness.targets.driven import tags

ANSWER = b'{"sid": "s1", "text": "well"}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
WINDOWS = {(0, 1): ((1, 2), (2, 3)), (1, 0): ((1, 3), (2, 2))}
"""The first and the last step of the first and of the second: in step 2 there are both, in step 3 only one is left."""


async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whoever has sent a head; who leaves before gets nothing."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE + ANSWER)
        await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def target() -> AsyncIterator[Bench]:
    """A target whose wire answers too, and that a client may leave."""
    serving: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(served(reader, writer)))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        bench = Bench(server.sockets[0].getsockname())

        async def left_or_answered(outgoing: Outgoing) -> Incoming:
            if bench.leaves[-1] is not None:
                return Incoming(status=None, error="left")
            return await bench.honest(outgoing)

        bench.answers = left_or_answered
        bench.asks = 1
        yield bench
        await asyncio.gather(*serving)


def fired_in(bench: Bench, tag: str) -> list[int]:
    """The steps in which a fault fired: what is recorded before the end of a turn was done in it."""
    steps, step = list[int](), 0
    for record in bench.recorder.records:
        if isinstance(record, FaultFired) and record.fault == tag:
            steps.append(step)
        if isinstance(record, Exchange) and record.role == "turn":
            step += 1
    return steps


async def overlap(names: tuple[str, str], order: tuple[int, int]) -> None:
    """Play five turns under two faults; the one that is left last is met in the fourth, and nothing in the fifth."""
    windows = [Window(from_step=first, until_step=last) for first, last in WINDOWS[order]]
    faults: list[Any] = [replace(made(name), window=one) for name, one in zip(names, windows, strict=True)]
    turns = [Turn(message=f"turn {number}", stream=True) for number in range(5)]
    async with asyncio.timeout(20), target() as bench:
        await bench.play(*turns, faults=tuple(faults), stream="asked")
    left = tags(tuple(faults))[order[1]]
    assert fired_in(bench, left)[-1:] == [3], (names, order)
    last = bench.exchanges("turn")[-1]
    assert (last.status, last.message, last.left) == (200, "turn 4", False)
    own = [one for one in bench.sent if b"turn 4" in one.body]
    assert [type(one) for one in own] == [Outgoing]
    behind = bench.sent[bench.sent.index(own[0]) + 1 :]
    assert all(b"turn" not in one.body for one in behind)
    assert not [step for tag in tags(tuple(faults)) for step in fired_in(bench, tag) if step > 3]


@pytest.mark.parametrize("name", played("client"))
async def test_two_overlap_and_mend_in_any_order(name: str) -> None:
    """Whichever is left still does what it does; the turn after both is sent once, as it is, and nobody leaves."""
    for first, second in pairs(name, "client"):
        for order in ORDERS:
            await overlap((first, second), order)
