"""G: the host loop goes on, and a bridge below a bridge does not wait for itself."""

import asyncio
import concurrent.futures
import functools
import time
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread

from harness.bridges.place import Failed, Place
from harness.bridges.properties.errors import EVERYWHERE
from harness.bridges.property import conformance

TICK_S = 0.01
CALL_S = 0.5
GAP_S = 0.35
DEPTH = 4
TOKENS = 4
WORKERS = 8
HELD_S = 0.2
TIMED_OUT = "a TimeoutError"


async def echo_later(value: str, seconds: float) -> str:
    """The value, after a while."""
    await asyncio.sleep(seconds)
    return value


@conformance("G1", where="worker on_loop portal", refusal="on_loop")
def host_loop_ticks(place: Place) -> None:
    """During a call of 0.5 s, a ticker of 10 ms on the host loop never pauses for 350 ms."""
    gaps_s: list[float] = []

    async def tick() -> None:
        last = time.monotonic()
        try:
            while True:
                await asyncio.sleep(TICK_S)
                last, before = time.monotonic(), last
                gaps_s.append(last - before)
        finally:
            # A loop that stood still until the end has no tick after it.
            gaps_s.append(time.monotonic() - last)

    value = place.enter(functools.partial(place.run, echo_later, "late", CALL_S), beside=tick)
    if value != "late":
        raise Failed(f"got {value!r}")
    if max(gaps_s) >= GAP_S:
        raise Failed(f"the host loop stood still for {max(gaps_s) * 1000:.0f} ms")


@conformance("G2", where="worker on_loop portal", refusal="on_loop", hang_s=15.0)
def host_loop_may_be_waited_for(place: Place) -> None:
    """A coroutine that waits for what the host loop does 0.1 s later gets it, or ends in a TimeoutError."""
    done: concurrent.futures.Future[str] = concurrent.futures.Future()

    async def wait() -> str:
        return await asyncio.wrap_future(done)

    async def finish() -> None:
        await asyncio.sleep(0.1)
        # Whoever gave up waiting has cancelled it.
        if done.set_running_or_notify_cancel():
            done.set_result("done")

    def body() -> str:
        try:
            return place.run(wait)
        except TimeoutError:
            return TIMED_OUT

    value = place.enter(body, beside=finish)
    if value not in ("done", TIMED_OUT):
        raise Failed(f"got {value!r}")


@conformance("G3", where=EVERYWHERE, refusal=EVERYWHERE, hang_s=6.0)
def call_within_a_call(place: Place) -> None:
    """A call from a coroutine that the bridge is running, on its thread, returns its value, or is refused."""

    async def outer() -> str:
        await asyncio.sleep(0)
        return place.run(echo_later, "inner", 0.01)

    value = place.enter(functools.partial(place.run, outer))
    if value != "inner":
        raise Failed(f"got {value!r}")


@conformance("G4", where="no_loop worker")
def calls_by_way_of_workers(place: Place) -> None:
    """Call, worker thread, call, and so on, four deep: each returns."""

    async def deeper(depth: int) -> int:
        if depth == DEPTH:
            return 1
        return 1 + await place.adapter.in_worker(functools.partial(place.run, deeper, depth + 1))

    value = place.enter(functools.partial(place.run, deeper, 1))
    if value != DEPTH:
        raise Failed(f"got {value!r}")


@conformance("G5", where="worker", hang_s=8.0)
def workers_wait_for_workers(place: Place) -> None:
    """Of 8 workers, over 4 tokens, each makes a call whose coroutine needs a worker: all 8 are answered."""

    async def few() -> None:
        # Both are the host loop's own: the limit of anyio's workers, and the threads of those who take the executor's.
        anyio.to_thread.current_default_thread_limiter().total_tokens = TOKENS
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(TOKENS))

    async def needy(number: int) -> int:
        # By then every token is held by a worker that waits for a call like this one.
        await asyncio.sleep(HELD_S)
        return await place.adapter.in_worker(lambda: number)

    bodies = [functools.partial(place.run, needy, number) for number in range(WORKERS)]
    values = place.many(bodies, beside=few)
    if values != list(range(WORKERS)):
        raise Failed(f"got {values!r}")
