"""Both hashes of many seeds, of a load on every kind of endpoint; whatever process plays it, they must be the same."""

import asyncio
import importlib
import importlib.util
from typing import Any

POLICIES = ("Fifo", "Uniform", "Pct")
REQUESTS = 2
"""Of each kind, all at once."""


def hashes(seeds: int) -> list[list[str]]:
    """The hashes of each seed from 0 on, all played in this process; the policies take turns."""
    simulation = importlib.import_module("harness.simulation")
    found = []
    with simulation.installed():
        for seed in range(seeds):
            policy = getattr(simulation, POLICIES[seed % len(POLICIES)])()
            run = simulation.Simulation(seed=seed, policy=policy)
            outcome = run.run(lambda run=run: _mixed(run.observe))
            outcome.result()
            found.append([outcome.schedule_hash, outcome.observation_hash])
    return found


async def _mixed(observe: Any) -> None:
    """A few requests to every kind of endpoint, and to a real driver of a database where there is one."""
    kinds = importlib.import_module("kinds")
    endpoints = kinds.Endpoints()
    app, names = kinds.build(endpoints), kinds.KINDS
    connection: Any = None
    if importlib.util.find_spec("aiosqlite"):
        connection = await importlib.import_module("aiosqlite").connect(":memory:")
        await connection.execute("CREATE TABLE seen (number INTEGER)")
        app.get("/aiosqlite")(_counted(connection))
        names = (*names, "aiosqlite")
    got = await kinds.load(app, names, REQUESTS, observe)
    assert all(sorted(numbers) == list(range(1, REQUESTS + 1)) for numbers in got.values()), got
    observe(asyncio.get_running_loop().time())
    endpoints.bridge.close()
    endpoints.writer.close()
    if connection is not None:
        await connection.close()


def _counted(connection: Any) -> Any:
    """An endpoint that stores its number, and gives it back as often as it is there."""

    async def count(number: int) -> int:
        await connection.execute("INSERT INTO seen VALUES (?)", (number,))
        async with connection.execute("SELECT count(*) FROM seen WHERE number = ?", (number,)) as rows:
            (times,) = await rows.fetchone()
        return number * int(times)

    return count


def differences(played: dict[int, list[list[str]]]) -> list[str]:
    """A line for each process and seed whose hashes are not those of the first process."""
    first, *others = played
    return [
        f"seed {seed}: hash seeds {first} and {other} give {expected} and {found}"
        for other in others
        for seed, (expected, found) in enumerate(zip(played[first], played[other], strict=True))
        if expected != found
    ]
