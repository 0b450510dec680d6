"""One bridge's process in the benchmark: it measures what it is told on its standard input, a line each way.

Timed is one call from the outside, by the bridge's shortest spelling, with the two clock readings around it; every
result is asserted. A batch lasts for a given time, after a few calls that are not timed.
"""

import asyncio
import functools
import json
import os
import statistics
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from time import perf_counter_ns
from typing import Any

from harness.bridges.adapter import Adapter, Context
from harness.bridges.loading import load

TIMEOUT_S = 5.0
THREADS = 8
WARM_CALLS = 5
MINE = object()
"""What the coroutine is given, and has to give back."""


async def trivial(value: Any) -> Any:
    """A coroutine that does not suspend."""
    return value


async def suspending(value: Any) -> Any:
    """A coroutine that suspends once."""
    await asyncio.sleep(0)
    return value


def shortest(adapter: Adapter) -> Callable[..., Any]:
    """The call without what the adapter adds, where a bridge is so cheap that it would show."""
    if adapter.name in ("sqlalchemy", "greenback"):
        package = {"sqlalchemy": "sqlalchemy.util.concurrency", "greenback": "greenback"}[adapter.name]
        await_ = import_module(package).await_
        return lambda function, *args: await_(function(*args))
    if adapter.name in ("nest-asyncio", "nest-asyncio2"):
        import_module(adapter.name.replace("-", "_")).apply()
        return lambda function, *args: asyncio.get_event_loop().run_until_complete(function(*args))
    return adapter.run


def batch(once: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Median and 99th percentile of the calls of one batch, in microseconds."""
    for _ in range(WARM_CALLS):
        assert once() is MINE, "gave another value"
    times = []
    end = perf_counter_ns() + int(seconds * 1e9)
    after = 0
    while after < end:
        before = perf_counter_ns()
        value = once()
        after = perf_counter_ns()
        assert value is MINE, "gave another value"
        times.append(after - before)
    times.sort()
    return {"p50": statistics.median(times) / 1e3, "p99": times[int(len(times) * 0.99)] / 1e3}


def together(call: Callable[..., Any], seconds: float) -> dict[str, float]:
    """Calls a second of several threads together, and of the slowest and the fastest of them, in thousands."""
    counts = [0] * THREADS
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS + 1)
    over = threading.Event()

    def live(number: int) -> None:
        mine = object()
        count = 0
        try:
            assert call(trivial, mine) is mine, (
                "gave another value"
            )  # a bridge may have something to make for each thread
            start.wait()
            while not over.is_set():
                assert call(trivial, mine) is mine, "gave another value"
                count += 1
            counts[number] = count
        except BaseException as error:  # noqa: BLE001  # a figure of this bridge is none, whatever it is
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=live, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    with_errors = False
    try:
        start.wait()
        before = perf_counter_ns()
        over.wait(seconds)
        over.set()
        took_us = (perf_counter_ns() - before) / 1e3
    except threading.BrokenBarrierError:
        with_errors = True
    for thread in threads:
        thread.join()
    if with_errors or errors:
        raise errors[0]
    rates = [count / took_us * 1e3 for count in counts]
    return {"rate": sum(rates), "slowest": min(rates), "fastest": max(rates)}


class Row:
    """A bridge, once for calls without a loop and once for those from a host loop, which lives in a thread."""

    def __init__(self, spec: str) -> None:
        self.alone, self.guest = load(spec), load(spec)
        self.call_alone, self.call_hosted = shortest(self.alone), shortest(self.guest)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def measures(self) -> list[str]:
        """What this bridge can be measured for."""
        contexts, accepts = self.alone.contexts, self.alone.accepts
        found = []
        if Context.NO_LOOP in contexts:
            found += ["no_loop", "suspending", "threads"] + ["timeout"] * ("timeout" in accepts)
        if Context.WORKER in contexts:
            found.append("worker")
        if Context.PORTAL in contexts:
            found += ["portal", "portal_suspending"]
        if Context.ON_LOOP in contexts:
            found.append("on_loop")
        return found

    def measure(self, what: str, seconds: float) -> dict[str, float]:
        """One batch."""
        if what == "threads":
            return together(self.call_alone, seconds)
        options = {"timeout": TIMEOUT_S} if what == "timeout" else {}
        function = suspending if what.endswith("suspending") else trivial
        if what in ("no_loop", "timeout", "suspending"):
            return batch(functools.partial(self.call_alone, function, MINE, **options), seconds)
        here = functools.partial(batch, functools.partial(self.call_hosted, function, MINE), seconds)
        return asyncio.run_coroutine_threadsafe(self.hosted(what, here), self.loop).result()

    async def hosted(self, what: str, here: Callable[[], dict[str, float]]) -> dict[str, float]:
        """One batch in a place of the host loop."""
        if what == "worker":
            return await self.guest.in_worker(here)
        if what == "on_loop":
            return here()
        return await self.guest.portal(here)


class Floors:
    """What no bridge of its kind can be cheaper than."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.other = asyncio.new_event_loop()
        threading.Thread(target=self.other.run_forever, daemon=True).start()
        self.asked, self.answered = threading.Lock(), threading.Lock()
        self.asked.acquire()
        self.answered.acquire()
        threading.Thread(target=self.answer, daemon=True).start()

    def measures(self) -> list[str]:
        """The names of the floors."""
        return ["coro.send", "run_until_complete", "lock round trip", "call_soon_threadsafe + Future"]

    def measure(self, what: str, seconds: float) -> dict[str, float]:
        """One batch."""
        calls = (self.send, self.complete, self.round_trip, self.threadsafe)
        return batch(dict(zip(self.measures(), calls, strict=True))[what], seconds)

    def send(self) -> Any:
        try:
            trivial(MINE).send(None)
        except StopIteration as stop:
            return stop.value

    def complete(self) -> Any:
        return self.loop.run_until_complete(trivial(MINE))

    def answer(self) -> None:
        while self.asked.acquire():
            self.answered.release()

    def round_trip(self) -> Any:
        self.asked.release()
        self.answered.acquire()
        return MINE

    def threadsafe(self) -> Any:
        return asyncio.run_coroutine_threadsafe(trivial(MINE), self.other).result()


def main() -> None:
    """Answer each line with one; whatever a bridge writes itself goes to standard error."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        row = Row(sys.argv[1]) if sys.argv[1] else Floors()
    except ImportError:
        out.write(json.dumps(None) + "\n")
        return
    out.write(json.dumps(row.measures()) + "\n")
    for line in sys.stdin:
        what, seconds = json.loads(line)
        try:
            answer: dict[str, Any] = row.measure(what, seconds)
        except BaseException as error:  # noqa: BLE001  # the same
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        out.write(json.dumps(answer) + "\n")
    os._exit(0)  # whatever the bridge has running


if __name__ == "__main__":
    main()
