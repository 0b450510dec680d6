"""Races among threads: of pools, of `asyncio.to_thread`, and with the loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Store:
    """A store whose single calls are safe under its lock."""

    def __init__(self, lock: Any = None) -> None:
        self._lock = lock or threading.Lock()
        self._values: dict[str, int] = {}

    def get(self, key: str) -> int:
        with self._lock:
            return self._values.get(key, 0)

    def put(self, key: str, value: int) -> None:
        with self._lock:
            self._values[key] = value

    def add(self, key: str, *, at_most: int | None = None) -> bool:
        """Count one up, unless that would be too many; whether it was."""
        with self._lock:
            value = self._values.get(key, 0) + 1
            if at_most is not None and value > at_most:
                return False
            self._values[key] = value
            return True


async def side_by_side(*functions: Callable[[], Any]) -> list[Any]:
    """Run each in a thread."""
    return list(await asyncio.gather(*map(asyncio.to_thread, functions)))


async def round_trips(count: int) -> None:
    """Come so many steps later than what runs in threads, as a rule."""
    for _ in range(count):
        await asyncio.to_thread(lambda: None)


async def store_in_threads(*, mended: bool = False) -> bool:
    """Two worker threads read and write a store that is only safe call by call.

    Mended, the store counts up in one call.
    """
    return await _counted(Store(), mended=mended)


async def store_under_rlock(*, mended: bool = False) -> bool:
    """The same with a reentrant lock.

    Mended as that.
    """
    return await _counted(Store(threading.RLock()), mended=mended)


async def _counted(store: Store, *, mended: bool) -> bool:
    def count() -> None:
        for _ in range(3):
            if mended:
                store.add("turns")
            else:
                store.put("turns", store.get("turns") + 1)

    await side_by_side(count, count)
    return store.get("turns") == 6


async def sold_twice(*, mended: bool = False) -> bool:
    """Threads of a pool look whether one is left, and then take it: the last one is sold to both.

    Mended, looking and taking are one call.
    """
    store = Store()

    def sell(seat: str) -> bool:
        if mended:
            return store.add(seat, at_most=1)
        return store.get(seat) < 1 and store.add(seat)

    def sell_all() -> int:
        return sum(map(sell, "abc"))

    with ThreadPoolExecutor(2) as pool:
        loop = asyncio.get_running_loop()
        sold = await asyncio.gather(*(loop.run_in_executor(pool, sell_all) for _ in range(2)))
    return sum(sold) == 3


async def woken_twice(*, mended: bool = False) -> bool:
    """A consumer that is woken takes a job without looking, though one who never waited has taken it meanwhile.

    Mended, it looks again.
    """
    jobs: list[str] = []
    done: list[str] = []
    filled = threading.Condition()

    def consume() -> None:
        for _ in range(4):
            with filled:
                if mended:
                    filled.wait_for(lambda: jobs)
                elif not jobs:
                    filled.wait()
                done.append(jobs.pop())

    def produce() -> None:
        for job in "abcdefghijkl":
            with filled:
                jobs.append(job)
                filled.notify()

    await side_by_side(consume, produce, consume, consume)
    return sorted(done) == list("abcdefghijkl")


async def made_twice(*, mended: bool = False) -> bool:
    """A client is made when it is first wanted; two threads want it at once, and one of its pools is never closed.

    Mended, who makes it holds a lock, and looks again under it.
    """
    store = Store()
    making: Any = threading.Lock() if mended else contextlib.nullcontext()
    clients: dict[str, object] = {}

    def client(tenant: str) -> object:
        if tenant not in clients:
            with making:
                if not mended or tenant not in clients:
                    store.add("made")
                    clients[tenant] = object()
        return clients[tenant]

    def serve() -> None:
        for tenant in "abcdef":
            client(tenant)

    await side_by_side(serve, serve)
    return store.get("made") == 6


async def published_half_filled(*, mended: bool = False) -> bool:
    """A table is put where others find it, and then filled: they look before they lock, and find it half empty.

    Mended, it is filled first.
    """
    store, filling = Store(), threading.Lock()
    published: dict[str, dict[str, int]] = {}

    def rate(tenant: str) -> int:
        if tenant not in published:
            with filling:
                if tenant not in published:
                    if mended:
                        published[tenant] = {"rate": store.get(tenant)}
                    else:
                        published[tenant] = {}
                        published[tenant]["rate"] = store.get(tenant)
        return published[tenant]["rate"]

    def serve() -> int:
        return sum(map(rate, "abc"))

    return await side_by_side(serve, serve) == [0, 0]


async def closed_in_use(*, mended: bool = False) -> bool:
    """The last user gives a shared connection back, and closes it after another one has taken it.

    Mended, it is closed under the lock under which its users are counted, and whoever comes then opens a new one.
    """
    lock, store = threading.Lock(), Store()
    users, is_open = 0, False

    def use(_: int) -> bool:
        nonlocal users, is_open
        with lock:
            users += 1
            is_open = True
        store.add("queries")
        worked = is_open
        with lock:
            users -= 1
            unused = not users
            if unused and mended:
                is_open = False
        if unused and not mended:
            store.add("closing")
            is_open = False
        return worked

    def serve() -> bool:
        return all(map(use, range(3)))

    return all(await side_by_side(serve, serve))


async def expired_while_touched(*, mended: bool = False) -> bool:
    """A janitor finds that a session is old, and deletes it; its user has just come back, and loses it.

    Mended, it looks and deletes under one lock.
    """
    lock = threading.Lock()
    sessions = dict.fromkeys("abcdef", "old")

    def sweep() -> None:
        with lock:
            old = [name for name, age in sessions.items() if age == "old"]
            if mended:
                for name in old:
                    del sessions[name]
        for name in () if mended else old:
            with lock:
                sessions.pop(name, None)

    def touch() -> list[str]:
        touched: list[str] = []
        for name in "abcdef":
            with lock:
                if name in sessions:
                    sessions[name] = "new"
                    touched.append(name)
        return touched

    _, touched = await side_by_side(sweep, touch)
    return bool(touched == list(sessions))


RACES = (
    store_in_threads,
    store_under_rlock,
    sold_twice,
    woken_twice,
    made_twice,
    published_half_filled,
    closed_in_use,
    expired_while_touched,
)
"""All of them."""
