"""Races of who answers with who gives up: cancellation, timeouts, clients that leave."""

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi.responses import StreamingResponse
from races_services import service
from races_tasks import turns
from races_threads import Store

BRIDGE: Any = importlib.import_module("reference_app.bridge")
"""Imported before any run, or the first run would make the steps of the import, and the others not."""


async def cancelled_after_commit(*, mended: bool = False) -> bool:
    """A client loses patience with a payment that is stored but not answered yet, and tries again: it pays twice.

    Mended, a payment has a key, and is stored once however often it is sent.
    """
    payments: list[str] = []

    async def pay(key: str) -> None:
        await asyncio.sleep(0)
        if not (mended and key in payments):
            payments.append(key)
        await asyncio.sleep(0)

    paying = asyncio.create_task(pay("order"))
    await turns(4)
    paying.cancel()
    try:
        await paying
    except asyncio.CancelledError:
        await pay("order")
    return len(payments) == 1


async def given_back_in_use(*, mended: bool = False) -> bool:
    """A cancelled task gives its connection back while the thread that it started still uses it, and another takes it.

    Mended, the connection is given back when the thread's job is done.
    """
    store, busy, mixed = Store(), set[str](), list[bool]()
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[str] = asyncio.Queue()
    idle.put_nowait("connection")

    def use(connection: str) -> None:
        mixed.append(connection in busy)
        busy.add(connection)
        for _ in range(8):
            store.add("queries")
        busy.discard(connection)

    async def query(pool: ThreadPoolExecutor) -> None:
        connection = await idle.get()
        job = pool.submit(use, connection)
        if mended:
            job.add_done_callback(lambda _: loop.call_soon_threadsafe(idle.put_nowait, connection))
            await asyncio.wrap_future(job)
            return
        try:
            await asyncio.wrap_future(job)
        finally:
            idle.put_nowait(connection)

    def hang_up(querying: asyncio.Task[None]) -> None:
        loop.call_soon_threadsafe(querying.cancel)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            querying = asyncio.create_task(query(pool))
            await asyncio.to_thread(hang_up, querying)
            await query(pool)
    return not any(mixed)


async def answer_at_the_timeout(*, mended: bool = False) -> bool:
    """A sync facade gives up after 10 s on a write that takes 10 s: told that it failed, and it is stored.

    Mended, writer and caller settle who was first, once and under a lock; a writer who was not stores nothing.
    """
    store, settling, started = Store(), Store(), threading.Event()

    def first() -> bool:
        return settling.add("settled", at_most=1)

    async def write() -> None:
        started.set()
        await asyncio.sleep(10)
        if not mended or first():
            store.put("written", 1)

    def facade(pool: ThreadPoolExecutor) -> bool:
        writing = pool.submit(asyncio.run, write())
        started.wait()
        try:
            writing.result(timeout=10)
        except TimeoutError:
            if not mended or first():
                return False
            writing.result()
        return True

    with ThreadPoolExecutor(1) as pool:
        told = await asyncio.to_thread(facade, pool)
    return told == bool(store.get("written"))


async def left_after_the_last_token(*, mended: bool = False) -> bool:
    """A client leaves when it has seen the whole answer; the stream is cancelled before it has stored the turn.

    Mended, the turn is stored before the last token is sent.
    """
    history: list[str] = []

    async def tell() -> StreamingResponse:
        async def tokens() -> AsyncIterator[str]:
            yield "one "
            if mended:
                history.append("one two")
            yield "two"
            await asyncio.sleep(0)
            if not mended:
                history.append("one two")

        return StreamingResponse(tokens())

    async with service(tell).open("GET", "/") as exchange:
        seen = b""
        async for chunk in exchange:
            seen += chunk
            if seen == b"one two":
                await turns(6)
                break
    return history == ["one two"]


async def paid_at_the_timeout(*, mended: bool = False) -> bool:
    """A sync caller pays through the bridge, is told of a timeout although it is stored, and pays again.

    Mended, a payment has a key, and is stored once however often it is sent.
    """
    bridge = BRIDGE.Bridge(log=None)
    payments: list[str] = []

    async def pay(key: str) -> None:
        await asyncio.sleep(10)
        if not (mended and key in payments):
            payments.append(key)
        await asyncio.sleep(0)

    def facade() -> None:
        try:
            bridge.run(pay, "order", timeout=10)
        except BRIDGE.BridgeTimeout:
            bridge.run(pay, "order")

    await asyncio.to_thread(facade)
    bridge.close()
    return len(payments) == 1


RACES = (
    cancelled_after_commit,
    given_back_in_use,
    answer_at_the_timeout,
    left_after_the_last_token,
    paid_at_the_timeout,
)
"""All of them."""
