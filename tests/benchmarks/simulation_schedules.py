"""Distinct schedules a second: as many short runs as fit, each with the next seed, told apart by their hashes."""

import asyncio
import importlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from simulation_rates import Spent, Watch

KINDS = ("tasks", "to_thread", "bridge", "http")


async def tasks() -> None:
    """Four tasks of three steps each."""

    async def step() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    await asyncio.gather(*(step() for _ in range(4)))


async def to_thread() -> None:
    """Two calls in threads of the default executor."""
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(2)))


async def bridge() -> None:
    """Two calls into async code, each from a thread of its own, through one bridge."""
    bridges = importlib.import_module("reference_app.bridge")
    shared = bridges.Bridge(log=None)
    seen: list[int] = []

    async def write(number: int) -> None:
        before = len(seen)
        await asyncio.sleep(0)
        seen.append(before * number)

    await asyncio.gather(*(asyncio.to_thread(shared.run, write, number) for number in (1, 2)))
    shared.close()


async def http() -> None:
    """Two requests that race for a `def` endpoint of an app that is built in the run."""
    fastapi = importlib.import_module("fastapi")
    client_module = importlib.import_module("harness.simulation.client")
    app = fastapi.FastAPI(openapi_url=None)
    total = [0]

    def add() -> int:
        before = total[0]
        time.sleep(0)
        total[0] = before + 1
        return total[0]

    app.get("/add")(add)
    client = client_module.AsgiClient(app)
    answers = await asyncio.gather(*(client.request("GET", "/add") for _ in range(2)))
    assert [answer.status for answer in answers] == [200, 200]


MAINS: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "tasks": tasks,
    "to_thread": to_thread,
    "bridge": bridge,
    "http": http,
}


def schedules(kind: str, seconds: float, first_seed: int) -> Spent:
    """Run for so many wall seconds: distinct schedules a second."""
    simulation = importlib.import_module("harness.simulation")
    found: set[str] = set()
    seed = first_seed
    with simulation.installed():
        simulation.Simulation(seed=seed, policy=simulation.Uniform()).run(MAINS[kind]).result()
        watch = Watch()
        while watch.spent()["wall"] < seconds:
            seed += 1
            outcome = simulation.Simulation(seed=seed, policy=simulation.Uniform()).run(MAINS[kind])
            outcome.result()
            found.add(outcome.schedule_hash)
        return watch.rates(len(found))
