"""Each fault of the loop and of the wall clock mends, beside itself or another, whichever of the two ends first."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from anyio.to_thread import current_default_thread_limiter
from felt_mending import ORDERS, made, pairs, played
from loop_bench import Bench, answering, running, status

from harness.simulation import Fifo, Gate
from harness.simulation.lanes import Lane, Lanes
from harness.within.inside import Parts, Within
from harness.within.sqlite import StoreGate

ROUNDS_MAX = 200
SECOND = (b"x-shakeout-second", b"1")


async def waits() -> None:
    """Work that waits, beside a task of its own."""
    task = asyncio.ensure_future(asyncio.sleep(0))
    await asyncio.sleep(0.001)
    await task


@contextmanager
def second() -> Iterator[Any]:
    """The app once more."""
    yield answering(waits)


class Inside:
    """The inside of a process as `harness.within` has it, around an app on a loop in a thread."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.schedule = Gate(Fifo())
        self.schedule.is_open = True
        self.schedule.begin(random.Random(1))
        self.parts = Parts(
            store=StoreGate(),
            requests=bench.gate,
            loop=lambda: bench.loop,
            sync_entry="json:dumps",
            second=second,
            wall=bench.wall,
            schedule=self.schedule,
        )

    def one(self) -> Any:
        """It, for one fault."""
        return Within(self.parts, fired=self.bench.fired, seed="1")

    def ask(self) -> int:
        """The status of an answer."""
        return status(self.bench.run(self._asked()))

    async def _asked(self) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(dict(message))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self.bench.gate({"type": "http", "path": "/", "headers": [SECOND]}, receive, send)
        return sent

    def deviates(self) -> bool:
        """Whether another than the first that is ready goes on, ever."""
        lanes: Lanes = [Lane("a"), Lane("b")]
        return any(self.schedule.choose(lanes) for _ in range(ROUNDS_MAX))

    def taken(self) -> int:
        """How many of the worker threads' tokens are taken."""

        async def borrowed() -> int:
            return int(current_default_thread_limiter().borrowed_tokens)

        return int(self.bench.run(borrowed()))

    def fires(self) -> bool:
        """Whether something is noted when requests come."""
        before = len(self.bench.noted)
        return any(self.ask() and len(self.bench.noted) > before for _ in range(ROUNDS_MAX))


def burning() -> bool:
    """Whether a thread computes."""
    return any(thread.name.startswith("gil-burn") for thread in threading.enumerate())


THERE: dict[str, Callable[[Inside], bool]] = {
    "clock.jump": lambda inside: inside.bench.wall() == 3600.0,
    "clock.strobe": lambda inside: abs(inside.bench.wall()) == 60.0,
    "loop.gil_burn": lambda _inside: burning(),
    "loop.limiter_full": lambda inside: inside.taken() > 0,
    "loop.reorder": Inside.deviates,
}
"""How a fault is seen to be there; one that is not named here is noted when requests come."""


def as_before(inside: Inside) -> None:
    """Nothing is broken any more: requests are answered, and nothing is noted."""
    inside.bench.noted.clear()
    assert inside.ask() == 200
    assert (inside.bench.noted, inside.bench.wall()) == ([], 0.0)
    assert (inside.taken(), burning(), inside.deviates()) == (0, False, False)


def overlap(inside: Inside, faults: tuple[Any, Any], order: tuple[int, int]) -> None:
    """Enter both, and leave them in that order; the one that is left is there, and after both nothing is."""
    held = [fault.within(inside.one()) for fault in faults]
    for one in held:
        one.__enter__()
    inside.ask()
    held[order[0]].__exit__(None, None, None)
    left = faults[order[1]].name
    assert THERE.get(left, Inside.fires)(inside), left
    held[order[1]].__exit__(None, None, None)
    as_before(inside)


@pytest.mark.parametrize(
    ("name", "plane"), [(name, plane) for plane in ("clock", "loop") for name in played(plane)]
)
def test_two_overlap_and_mend_in_any_order(name: str, plane: str) -> None:
    """Whichever is left still does what it does; after both the loop, its tokens, threads, clock and order are as before."""
    threads = threading.active_count()
    with running(answering(waits)) as bench:
        inside = Inside(bench)
        as_before(inside)
        for first, other in pairs(name, plane):
            for order in ORDERS:
                overlap(inside, (made(first), made(other)), order)
    assert threading.active_count() == threads
