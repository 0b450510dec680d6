"""Races among the tasks of one loop: no thread is needed for any of them."""

import asyncio
import contextlib
from typing import Any

ROOM = 20
EVENTS = 40


async def turns(count: int) -> None:
    """Let others go for so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def lost_update(*, mended: bool = False) -> bool:
    """A task reads, waits, and writes; another one does so a little later, as a rule after the first has written.

    Mended, a lock is held from the reading to the writing.
    """
    total = 0
    lock: Any = asyncio.Lock() if mended else contextlib.nullcontext()

    async def add(after: int) -> None:
        nonlocal total
        await turns(after)
        async with lock:
            seen = total
            await asyncio.sleep(0)
            total = seen + 1

    await asyncio.gather(add(0), add(3))
    return total == 2


async def deep_order(*, mended: bool = False) -> bool:
    """A subscriber is held back while the publisher goes all the way round its ring: the oldest events are dropped.

    Mended, the publisher waits for room.
    """
    queues: list[asyncio.Queue[int | None]] = []
    published = 0
    got: list[int] = []

    async def publish() -> None:
        nonlocal published
        for event in (*range(EVENTS), None):
            for queue in queues:
                if not mended and queue.full():
                    queue.get_nowait()
                await queue.put(event)
            published += event is not None
            await asyncio.sleep(0)

    async def subscribe() -> bool:
        since = published
        queue: asyncio.Queue[int | None] = asyncio.Queue(ROOM)
        if since < EVENTS:
            queues.append(queue)
            while (event := await queue.get()) is not None:
                got.append(event)
        return got == list(range(since, EVENTS))

    return (await asyncio.gather(publish(), subscribe()))[1]


async def pool_grown_too_far(*, mended: bool = False) -> bool:
    """A pool of at most one asks whether it may grow, connects, and counts the connection when it is there.

    Mended, it counts the place that it takes before it waits.
    """
    size = connected = 0
    idle: asyncio.Queue[int] = asyncio.Queue()

    async def connection() -> int:
        nonlocal size, connected
        if not idle.empty() or size >= 1:
            return await idle.get()
        size += mended
        await turns(3)
        connected += 1
        size += not mended
        return connected

    async def query(after: int) -> None:
        await turns(after)
        idle.put_nowait(await connection())

    await asyncio.gather(query(0), query(6))
    return connected == 1


async def reordered_turns(*, mended: bool = False) -> bool:
    """Each message of a session is answered in a task of its own, so the second can be stored before the first.

    Mended, a session has one task, which takes its messages from a queue.
    """
    history: list[str] = []
    inbox: asyncio.Queue[str] = asyncio.Queue()

    async def answer(message: str) -> None:
        await asyncio.sleep(0)
        history.append(message)

    async def serve() -> None:
        for _ in range(2):
            await answer(await inbox.get())

    tasks = [asyncio.create_task(serve())] if mended else []
    for message in ("first", "second"):
        if mended:
            inbox.put_nowait(message)
        else:
            tasks.append(asyncio.create_task(answer(message)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return history == ["first", "second"]


async def answered_twice(*, mended: bool = False) -> bool:
    """A hedged request: each replica looks whether an answer is wanted, logs, and answers, though there may be one now.

    Mended, nothing is awaited between looking and answering.
    """
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def replica(number: int, after: int) -> None:
        await turns(after)
        if mended:
            await asyncio.sleep(0)
            if not answer.done():
                answer.set_result(number)
        elif not answer.done():
            await asyncio.sleep(0)
            answer.set_result(number)

    await asyncio.gather(replica(1, 0), replica(2, 3), replica(3, 4))
    return answer.result() in (1, 2, 3)


async def stale_cache_fill(*, mended: bool = False) -> bool:
    """A reader fills the cache with what it read before a writer wrote and cleared the cache: stale from now on.

    Mended, a value is kept only if nothing was cleared since it was read.
    """
    stored, cleared = "old", 0
    cache: dict[str, str] = {}

    async def read() -> None:
        before, value = cleared, stored
        await turns(2)
        if not mended or before == cleared:
            cache["key"] = value

    async def write() -> None:
        nonlocal stored, cleared
        await turns(5)
        stored = "new"
        cleared += 1
        cache.pop("key", None)

    await asyncio.gather(read(), write())
    return cache.get("key", stored) == stored


async def joined_during_a_broadcast(*, mended: bool = False) -> bool:
    """A broadcast awaits each send while it walks the set of clients; one who joins meanwhile changes the set.

    Mended, it walks a copy.
    """
    clients = {"first", "second"}

    async def broadcast() -> None:
        for _ in list(clients) if mended else clients:
            await asyncio.sleep(0)

    async def join() -> None:
        await turns(4)
        clients.add("third")

    await asyncio.gather(broadcast(), join())
    return True


async def drained_too_early(*, mended: bool = False) -> bool:
    """A request is counted only after its caller is known, so a shutdown meanwhile finds none and closes the store.

    Mended, it is counted before anything is awaited.
    """
    closing = closed = False
    in_flight = 0
    drained = asyncio.Event()
    stored_late: list[bool] = []

    async def serve() -> None:
        nonlocal in_flight
        if closing:
            return
        in_flight += mended
        await asyncio.sleep(0)
        in_flight += not mended
        await asyncio.sleep(0)
        stored_late.append(closed)
        in_flight -= 1
        drained.set()

    async def shut_down() -> None:
        nonlocal closing, closed
        await turns(4)
        closing = True
        if in_flight:
            await drained.wait()
        closed = True

    await asyncio.gather(serve(), shut_down())
    return not any(stored_late)


RACES = (
    lost_update,
    deep_order,
    pool_grown_too_far,
    reordered_turns,
    answered_twice,
    stale_cache_fill,
    joined_during_a_broadcast,
    drained_too_early,
)
"""All of them."""
