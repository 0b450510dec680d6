"""Races in a service: endpoints, their dependencies and background tasks, a database connection."""

import asyncio
import importlib
import sqlite3
from collections.abc import Callable
from typing import Annotated, Any

import anyio.from_thread
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from races_tasks import turns
from races_threads import Store, round_trips, side_by_side

from harness.simulation.client import AsgiClient, Response

# What FastAPI would import when the first endpoint has a parameter: that would be steps of the first run only.
importlib.import_module("pydantic.v1")


def service(endpoint: Callable[..., Any], *, method: str = "GET") -> AsgiClient:
    """A client of an application with one endpoint."""
    app = FastAPI(openapi_url=None)
    app.api_route("/", methods=[method])(endpoint)
    return AsgiClient(app)


async def asked(client: AsgiClient, times: int) -> list[int]:
    """So many requests at once: the statuses of their answers, sorted."""
    answers = await asyncio.gather(*(client.request("GET", "/") for _ in range(times)))
    return sorted(answer.status for answer in answers)


async def visits_of_a_sync_endpoint(*, mended: bool = False) -> bool:
    """A `def` endpoint reads a counter and writes it, as if requests came one after another; they share a pool.

    Mended, the store counts up in one call.
    """
    store = Store()

    def visit() -> None:
        for page in "abc":
            if mended:
                store.add(page)
            else:
                store.put(page, store.get(page) + 1)

    await asked(service(visit), 2)
    return [store.get(page) for page in "abc"] == [2, 2, 2]


async def quota_of_a_dependency(*, mended: bool = False) -> bool:
    """A `def` dependency looks whether the quota is used up, and counts the request: the last one is had by two.

    Mended, counting is a call that looks again.
    """
    store = Store()

    def admitted() -> bool:
        used = store.get("requests")
        banned = any(store.get(f"banned {what}") for what in ("address", "user", "key", "region"))
        if banned or used >= 1:
            return False
        return store.add("requests", at_most=1 if mended else None)

    async def answer(allowed: Annotated[bool, Depends(admitted)]) -> None:
        if not allowed:
            raise HTTPException(429)

    return await asked(service(answer), 4) == [200, 429, 429, 429]


async def state_of_the_loop_in_a_worker(*, mended: bool = False) -> bool:
    """A `def` endpoint asks the loop for what is there, computes, and has the loop store it: another one did so, too.

    Mended, the loop reads and writes in one step, and the worker only computes what is added.
    """
    tokens = 0

    async def read() -> int:
        return tokens

    async def write(value: int) -> None:
        nonlocal tokens
        tokens = value

    async def add(value: int) -> None:
        nonlocal tokens
        tokens += value

    def spend() -> None:
        if mended:
            anyio.from_thread.run(add, 1)
        else:
            anyio.from_thread.run(write, anyio.from_thread.run(read) + 1)

    client = service(spend)

    async def late() -> None:
        await round_trips(2)
        await client.request("GET", "/")

    await asyncio.gather(client.request("GET", "/"), late())
    return tokens == 2


async def user_on_a_shared_object(*, mended: bool = False) -> bool:
    """An endpoint keeps the request's user on an object that all requests share, waits, and answers another user.

    Mended, it keeps the user in a variable.
    """
    shared = {"user": ""}

    async def greet(user: str) -> str:
        shared["user"] = user
        await asyncio.sleep(0)
        return user if mended else shared["user"]

    client = service(greet)

    async def ask(user: str, after: int) -> bool:
        await turns(after)
        return (await client.request("GET", f"/?user={user}")).body == f'"{user}"'.encode()

    return all(await asyncio.gather(ask("ada", 0), ask("bob", 6)))


async def repeated_while_under_way(*, mended: bool = False) -> bool:
    """A request is sent again with its key while the first is not finished, so no answer is kept: it is done twice.

    Mended, the key is kept with the work, and whoever comes later waits for that.
    """
    done: list[str] = []
    kept: dict[str, Any] = {}

    async def work(key: str) -> int:
        await asyncio.to_thread(lambda: None)
        done.append(key)
        return len(done)

    async def order(key: str) -> int:
        if mended:
            if key not in kept:
                kept[key] = asyncio.ensure_future(work(key))
            return int(await asyncio.shield(kept[key]))
        if key not in kept:
            kept[key] = await work(key)
        return int(kept[key])

    client = service(order, method="POST")

    async def again() -> Response:
        await round_trips(2)
        return await client.request("POST", "/?key=k")

    answers = await asyncio.gather(client.request("POST", "/?key=k"), again())
    return [answer.body for answer in answers] == [b"1", b"1"]


async def stored_after_the_answer(*, mended: bool = False) -> bool:
    """A turn is stored in the background after its answer; the client's next request does not find it.

    Mended, it is stored before.
    """
    store = Store()
    app = FastAPI(openapi_url=None)

    @app.post("/turns")
    async def add(background: BackgroundTasks) -> None:
        if mended:
            await asyncio.to_thread(store.add, "turns")
        else:
            background.add_task(store.add, "turns")

    client = AsgiClient(app)
    async with client.open("POST", "/turns") as exchange:
        async for _ in exchange:
            await turns(4)
            # The client has the whole answer: what it does next may count on that.
            found = await asyncio.to_thread(store.get, "turns")
    return found == 1


async def rolled_back_by_another(*, mended: bool = False) -> bool:
    """Threads share a connection to a database; one that fails rolls back what the other has not committed yet.

    Mended, each has a connection of its own.
    """
    address = "file:races?mode=memory&cache=shared"

    def connected() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, check_same_thread=False, timeout=0)

    log = Store()
    keeper = connected()
    connections = [connected(), connected()] if mended else [keeper]
    keeper.execute("CREATE TABLE turns (text TEXT)")
    keeper.commit()

    def insert() -> None:
        connection = connections[0]
        for _ in range(6):
            connection.execute("INSERT INTO turns VALUES ('kept')")
            log.add("inserted")
            connection.commit()

    def fail() -> None:
        connection = connections[-1]
        for _ in range(6):
            log.add("failed")
            connection.rollback()

    await side_by_side(insert, fail)
    (count,) = keeper.execute("SELECT count(*) FROM turns").fetchone()
    for connection in (*connections, keeper):
        connection.close()
    return bool(count == 6)


RACES = (
    visits_of_a_sync_endpoint,
    quota_of_a_dependency,
    state_of_the_loop_in_a_worker,
    user_on_a_shared_object,
    repeated_while_under_way,
    stored_after_the_answer,
    rolled_back_by_another,
)
"""All of them."""
