"""E: loops, tasks, generators, threads and results live as long as they must, and no longer."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

from harness.bridges.place import Failed, Place
from harness.bridges.properties.errors import EVERYWHERE
from harness.bridges.properties.returned import same
from harness.bridges.property import conformance

TIMER_S, VALUE_S_MAX = 0.2, 2.0
LEFT_S, LEFT_S_MAX = 0.15, 0.6
GENERATOR_S_MAX = 0.5
CALL_S = 0.05
WARM, MEASURED = 60, 120
DESCRIPTORS_MAX, THREADS_MAX = 4, 2
DEAD_S_MAX = 0.2
STEP_S = 0.01
# The properties are imported before the bridge is: these are what the bridge may not replace.
ORIGINALS = {"Task": asyncio.Task, "run": asyncio.run, "get_event_loop": asyncio.get_event_loop}


async def begin_timer() -> list[asyncio.Future[str]]:
    """A future of this loop, and a timer of this loop that sets it. In a list, so that nobody awaits it on the way."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def ring() -> None:
        if not future.done():
            future.set_result("set")

    loop.call_later(TIMER_S, ring)
    return [future]


def timer(place: Place) -> asyncio.Future[str]:
    """The future of a call that begins a timer."""
    made = place.run(begin_timer)
    if not isinstance(made, list):
        raise Failed(f"the first call returned {made!r}")
    return made[0]


async def await_timer(future: asyncio.Future[str]) -> str:
    """The value that the timer sets."""
    async with asyncio.timeout(VALUE_S_MAX):
        return await future


@conformance("E1", where=EVERYWHERE)
def loop_outlives_the_call(place: Place) -> None:
    """A future made in one call, and set by that loop's timer, has its value in a second call of the same thread."""

    def body() -> str:
        return place.run(await_timer, timer(place))

    if (value := place.enter(body)) != "set":
        raise Failed(f"the second call returned {value!r}")


@conformance("E2", where="no_loop worker")
def loop_is_shared_by_threads(place: Place) -> None:
    """A future made in one call, and set by that loop's timer, has its value in a second call of another thread."""
    futures: list[asyncio.Future[str]] = []
    made, over = threading.Event(), threading.Event()

    def first() -> str:
        try:
            futures.append(timer(place))
        finally:
            made.set()
        # As long as this thread waits, no pool gives it to the second call.
        over.wait(2 * VALUE_S_MAX)
        return "set"

    def second() -> str:
        made.wait(2 * VALUE_S_MAX)
        try:
            return place.run(await_timer, futures[0]) if futures else "set"
        finally:
            over.set()

    if (values := place.many([first, second])) != ["set", "set"]:
        raise Failed(f"the second call returned {values[1]!r}")


@conformance("E3", where=EVERYWHERE)
def task_left_behind_ends(place: Place) -> None:
    """A task that the coroutine left behind has run its `finally` 0.6 s after the call, with no further call made."""
    tasks, ended = [], threading.Event()

    async def left() -> None:
        try:
            await asyncio.sleep(LEFT_S)
        finally:
            ended.set()

    async def leave() -> None:
        tasks.append(asyncio.ensure_future(left()))
        await asyncio.sleep(0)

    place.enter(lambda: place.run(leave))
    place.settle(LEFT_S_MAX)
    if not ended.is_set():
        raise Failed(f"its `finally` had not run after {LEFT_S_MAX} s")


@conformance("E4", where=EVERYWHERE)
def generator_left_half_way_is_closed(place: Place) -> None:
    """An async generator left half-way and collected has run its awaiting `finally` within 0.5 s and one more call."""
    ended = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ended.set()

    left: list[AsyncIterator[int]] = []

    async def leave_half_way() -> None:
        left.append(numbers())
        await anext(left[0])

    def body() -> None:
        place.run(leave_half_way)
        # Only now nothing holds it: what a loop's own end closes has been closed by then.
        left.clear()
        gc.collect()
        place.run(asyncio.sleep, CALL_S)

    place.enter(body)
    place.settle(GENERATOR_S_MAX - CALL_S)
    if not ended.is_set():
        raise Failed(f"its `finally` had not run after {GENERATOR_S_MAX} s and one more call")


@conformance("E5", where="no_loop", hang_s=20)
def threads_leave_nothing(place: Place) -> None:
    """120 calls from 120 short-lived threads leave at most 4 descriptors and 2 threads more.

    The cyclic collector is off: what waits for it keeps as many descriptors as it happens to find.
    """

    def call() -> None:
        place.many([lambda: place.run(same, 1)])

    for _ in range(WARM):
        call()
    gc.collect()
    gc.disable()
    descriptors, threads = open_descriptors(), threading.active_count()
    for _ in range(MEASURED):
        call()
    more = open_descriptors() - descriptors, threading.active_count() - threads
    if more[0] > DESCRIPTORS_MAX or more[1] > THREADS_MAX:
        raise Failed(f"{more[0]} descriptors and {more[1]} threads more")


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


class Result:
    """Something that can be watched dying."""


@conformance("E6", where=EVERYWHERE)
def result_dies_when_it_is_dropped(place: Place) -> None:
    """Without the cyclic collector, the result is dead at most 0.2 s after the caller drops it."""

    async def make() -> Result:
        await asyncio.sleep(0)
        return Result()

    def body() -> bool:
        watched = weakref.ref(place.run(make))
        until = time.monotonic() + DEAD_S_MAX
        while watched() is not None and time.monotonic() < until:
            time.sleep(STEP_S)  # an object that dies tells nobody who could be awaited with the collector off
        return watched() is None

    gc.disable()
    if not place.enter(body):
        raise Failed(f"something kept it for more than {DEAD_S_MAX} s")


@conformance("E7", where=EVERYWHERE)
def asyncio_stays_as_it_was(place: Place) -> None:
    """asyncio.Task, asyncio.run and asyncio.get_event_loop are the same objects as before."""
    place.enter(lambda: place.run(same, 1))
    changed = [name for name, original in ORIGINALS.items() if getattr(asyncio, name) is not original]
    if changed:
        raise Failed(f"it has replaced {', '.join(f'asyncio.{name}' for name in changed)}")
