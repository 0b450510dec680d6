"""An application with the nine kinds of endpoint that a simulation must carry, and a load on all of them."""

import asyncio
import importlib
import queue
import sqlite3
import sys
import threading
import time
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import stage
import structlog
from endpoints import KINDS
from fastapi import FastAPI

from harness.simulation import Simulation
from harness.simulation.client import AsgiClient

SLEEP_S = 0.05


class Writer:
    """A database behind a thread and a `SimpleQueue`, as drivers do it that have no asynchronous interface."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="writer", daemon=True).start()

    def _serve(self) -> None:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE seen (number INTEGER)")
        while (job := self._jobs.get()) is not None:
            number, future, loop = job
            connection.execute("INSERT INTO seen VALUES (?)", (number,))
            (count,) = connection.execute("SELECT count(*) FROM seen WHERE number = ?", (number,)).fetchone()
            loop.call_soon_threadsafe(future.set_result, count)
        connection.close()

    async def count(self, number: int) -> int:
        """Store a number; how often it is there."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._jobs.put((number, future, loop))
        return await future

    def close(self) -> None:
        """End the thread."""
        self._jobs.put(None)


class Endpoints:
    """One method a kind; each gives `number` back, after some virtual time."""

    def __init__(self) -> None:
        self.writer = Writer()
        bridge: Any = importlib.import_module("reference_app.bridge")
        self.bridge = bridge.Bridge(log=None)

    async def run_async(self, number: int) -> int:
        await asyncio.sleep(SLEEP_S)
        return number

    def run_def(self, number: int) -> int:
        return number

    def run_def_sleep(self, number: int) -> int:
        time.sleep(SLEEP_S)
        return number

    async def run_to_thread(self, number: int) -> int:
        return await asyncio.to_thread(self.run_def_sleep, number)

    async def run_anyio_to_thread(self, number: int) -> int:
        return await anyio.to_thread.run_sync(self.run_def_sleep, number)

    def run_from_thread(self, number: int) -> int:
        return anyio.from_thread.run(self.run_async, number)

    def run_bridge(self, number: int) -> int:
        got: int = self.bridge.run(self.run_async, number)
        return got

    async def run_database(self, number: int) -> int:
        return number * await self.writer.count(number)

    async def run_contextvars(self, number: int) -> int:
        structlog.contextvars.bind_contextvars(number=number)
        await asyncio.sleep(SLEEP_S)
        got: int = structlog.contextvars.get_contextvars()["number"]
        return got


def build(endpoints: Any) -> FastAPI:
    """The application."""
    app = FastAPI(openapi_url=None)
    for kind in KINDS:
        app.get(f"/{kind}")(getattr(endpoints, f"run_{kind}"))
    return app


async def load(app: FastAPI, kinds: tuple[str, ...], count: int, observe: Any) -> dict[str, list[int]]:
    """Ask each kind `count` times, all at once."""
    client = AsgiClient(app)
    got: dict[str, list[int]] = {kind: [] for kind in kinds}

    async def ask(kind: str, number: int) -> None:
        response = await client.request("GET", f"/{kind}?number={number}")
        observe((kind, response.status, response.body))
        got[kind].append(int(response.body))

    await asyncio.gather(*(ask(kind, number) for number in range(1, count + 1) for kind in kinds))
    return got


def main() -> None:
    """Play `kinds.py POLICY SEED COUNT`."""
    policy, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    simulation = Simulation(seed=seed, policy=stage.POLICIES[policy]())

    async def ask_all() -> Any:
        endpoints = Endpoints()
        began = time.monotonic()
        got = await load(build(endpoints), KINDS, count, simulation.observe)
        taken_s = time.monotonic() - began
        endpoints.bridge.close()
        endpoints.writer.close()
        return {"got": {kind: sorted(numbers) for kind, numbers in got.items()}, "taken_s": taken_s}

    stage.show(stage.told(simulation.run(ask_all)))


if __name__ == "__main__":
    main()
