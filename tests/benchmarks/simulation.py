"""Requests a wall second through a raw ASGI client: the simulation, both hashes on, beside the stock loop in one run.

    PYTHONHASHSEED=0 python tests/benchmarks/simulation.py [--requests N] [--rounds N]

Each figure is the best of its rounds: the others measure what else the machine did. The stock loop sleeps for real,
so its rate for endpoints that sleep is bounded by the 100 requests that are under way at once.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "harness" / "simulation" / "plays")]
AT_ONCE = 100
REAL = (time.perf_counter,)
GOALS = {"async": 4.0, "def": 1.0, "bridge": 0.35}
KINDS = ("async", "def", "def_sleep", "to_thread", "from_thread", "bridge", "database")


async def load(kind: str, count: int, observe: Callable[[object], object]) -> float:
    """Send so many requests to one kind of endpoint, `AT_ONCE` at a time; requests a wall second."""
    from kinds import Endpoints, build  # noqa: PLC0415  # the app is built inside the run

    from harness.simulation.client import AsgiClient  # noqa: PLC0415  # the same

    endpoints = Endpoints()
    client = AsgiClient(build(endpoints))
    numbers = iter(range(1, count + 1))

    async def ask() -> None:
        for number in numbers:
            response = await client.request("GET", f"/{kind}?number={number}")
            assert response.status == 200
            observe((number, response.body))

    await client.request("GET", f"/{kind}?number=0")
    began = wall_s()
    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    taken_s = wall_s() - began
    endpoints.writer.close()
    endpoints.bridge.close()
    return count / taken_s


def wall_s() -> float:
    """Real seconds, in a simulation too: hooks replace a clock in namespaces, and leave a collection as it is."""
    return REAL[0]()


def measure(where: str, kind: str, count: int) -> float:
    """One figure, in this process."""
    if where == "stock":
        return asyncio.run(load(kind, count, lambda _: None))
    from harness.simulation import Simulation  # noqa: PLC0415  # the stock loop is measured without it

    simulation = Simulation(seed=1)
    return simulation.run(lambda: load(kind, count, simulation.observe)).result()


def child(where: str, kind: str, count: int) -> float:
    """One figure, in a process of its own."""
    command = [sys.executable, __file__, "--one", where, kind, "--requests", str(count)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def schedules(count: int) -> dict[str, float]:
    """Runs a wall second, each with its own seed."""
    from harness.simulation import Simulation, Uniform, installed  # noqa: PLC0415  # as above

    async def tasks() -> None:
        async def step() -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        await asyncio.gather(*(step() for _ in range(4)))

    async def threads() -> None:
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(2)))

    found: dict[str, float] = {}
    with installed():
        for name, main in (("tasks", tasks), ("to_thread", threads)):
            began = wall_s()
            for seed in range(count):
                Simulation(seed=seed, policy=Uniform()).run(main)
            found[name] = count / (wall_s() - began)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--one", nargs=2, default=None)
    options = parser.parse_args()
    if options.one:
        say(measure(*options.one, options.requests))
        return
    say(f"{'kind':12}{'simulated/s':>14}{'stock/s':>12}{'ratio':>8}{'goal':>8}")
    for kind in options.kinds:
        rates: dict[str, float] = {}
        for where in ("simulated", "stock"):
            rates[where] = max(child(where, kind, options.requests) for _ in range(options.rounds))
        ratio = rates["simulated"] / rates["stock"]
        goal = f"{GOALS[kind]:g}" if kind in GOALS else ""
        say(f"{kind:12}{rates['simulated']:14.0f}{rates['stock']:12.0f}{ratio:8.2f}{goal:>8}")
    for name, rate in schedules(500).items():
        say(f"schedules a second, {name}: {rate:.0f}")


def say(what: Any) -> None:
    """Print."""
    with contextlib.suppress(BrokenPipeError):
        print(what, flush=True)  # noqa: T201  # a benchmark's purpose


if __name__ == "__main__":
    main()
