"""Requests a second of one kind of endpoint, on one kind of loop: ours, the stock one, or a peer's."""

import asyncio
import importlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

AT_ONCE = 100
REAL = (time.perf_counter, time.process_time)
"""Hooks replace a clock in namespaces, classes and closures, and leave a collection as it is."""

Spent = dict[str, float]
"""Seconds, or what there was of something in one: by the wall clock, and of this process's threads by the processor's."""

PEERS = ("looptime", "aiotools", "detangle")
Main = Callable[[], Coroutine[Any, Any, Spent]]


class Watch:
    """Real seconds since it was made, in a simulation too."""

    def __init__(self) -> None:
        self._began = [clock() for clock in REAL]

    def spent(self) -> Spent:
        """By both clocks."""
        wall_s, processor_s = (clock() - began for clock, began in zip(REAL, self._began, strict=True))
        return {"wall": wall_s, "processor": processor_s}

    def rates(self, count: int) -> Spent:
        """So many of something, a second of each."""
        return {clock: count / seconds for clock, seconds in self.spent().items()}


async def load(kind: str, count: int, observe: Callable[[object], object]) -> Spent:
    """Send so many requests to one kind of endpoint, `AT_ONCE` at a time; requests a second."""
    kinds = importlib.import_module("kinds")  # the app is built inside the run
    client_module = importlib.import_module("harness.simulation.client")
    endpoints = kinds.Endpoints()
    client = client_module.AsgiClient(kinds.build(endpoints))
    numbers = iter(range(1, count + 1))

    async def ask() -> None:
        for number in numbers:
            response = await client.request("GET", f"/{kind}?number={number}")
            assert response.body == b"%d" % number
            observe((number, response.body))

    await client.request("GET", f"/{kind}?number=0")
    watch = Watch()
    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    rates = watch.rates(count)
    endpoints.writer.close()
    endpoints.bridge.close()
    return rates


def unobserved(_: object) -> None:
    """Only ours has an observation hash."""


def rate(where: str, kind: str, count: int) -> Spent:
    """One figure, in this process.

    Raises:
        ImportError: the peer is not installed.
        RuntimeError: it cannot run this kind; the message says why.
    """
    if where == "shakeout":
        simulation = importlib.import_module("harness.simulation").Simulation(seed=1)
        got: Spent = simulation.run(lambda: load(kind, count, simulation.observe)).result()
        return got
    return WAYS[where](lambda: load(kind, count, unobserved))


def _stock(main: Main) -> Spent:
    return asyncio.run(main())


def _looptime(main: Main) -> Spent:
    looptime: Any = importlib.import_module("looptime")
    loop = looptime.patch_event_loop(asyncio.new_event_loop())
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())


def _aiotools(main: Main) -> Spent:
    clock = importlib.import_module("aiotools").VirtualClock()

    async def patched() -> Spent:
        with clock.patch_loop():
            return await main()

    return asyncio.run(patched())


def _detangle(main: Main) -> Spent:
    detangle: Any = importlib.import_module("detangle")
    config = detangle.SimConfig(max_steps=10**9)
    ran = detangle.execute(main, config=config, strategy=detangle.FIFO())
    if ran.failure is not None:
        raise RuntimeError("false deadlock" if ran.failure.kind == "deadlock" else ran.failure.kind)
    value: Spent = ran.value
    return value


WAYS: dict[str, Callable[[Main], Spent]] = {
    "stock": _stock,
    "looptime": _looptime,
    "aiotools": _aiotools,
    "detangle": _detangle,
}
