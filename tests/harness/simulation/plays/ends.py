"""How runs end: deadlocks, budgets, leaks."""

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import stage

from harness.simulation import Budget


async def two_locks() -> Any:
    """Two threads that each hold the lock that the other one wants."""
    first, second = threading.Lock(), threading.Lock()

    def take(one: threading.Lock, other: threading.Lock) -> None:
        with one:
            time.sleep(1)
            with other:
                pass

    for name, locks in (("left", (first, second)), ("right", (second, first))):
        threading.Thread(target=take, args=locks, name=name).start()
    await asyncio.sleep(5)
    await asyncio.get_running_loop().create_future()


async def lost_wakeup() -> Any:
    """A condition that nobody notifies."""
    condition = threading.Condition()

    def wait() -> None:
        with condition:
            condition.wait()

    await asyncio.to_thread(wait)


async def lock_over_an_await() -> Any:
    """A task waits, on the loop's own thread, for a lock that another task of that loop holds."""
    lock = threading.Lock()

    async def take() -> None:
        with lock:
            await asyncio.sleep(0)

    await asyncio.gather(take(), take())


async def crossed_workers() -> Any:
    """Two worker threads wait for each other's lock; the loop that they were called from goes on, and ends."""
    first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(one: threading.Lock, other: threading.Lock) -> None:
        with one:
            both.wait()
            with other:
                pass

    for name, locks in (("left", (first, second)), ("right", (second, first))):
        threading.Thread(target=take, args=locks, name=name, daemon=True).start()
    await asyncio.sleep(5)
    return "done"


async def own_result() -> Any:
    """A sync wait on the loop's own thread for what only the loop could do."""
    loop = asyncio.get_running_loop()
    later: Future[None] = Future()
    loop.call_soon_threadsafe(later.set_result, None)
    return later.result()


async def long_work() -> Any:
    """Everything that is slow but not stuck: a shut-down of the executor that takes a while among it."""
    pool = ThreadPoolExecutor(1)
    later = pool.submit(time.sleep, 3600)
    await asyncio.wrap_future(later)
    await asyncio.to_thread(pool.shutdown)
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 100)
    await asyncio.get_running_loop().shutdown_default_executor()
    return "done"


async def too_long() -> Any:
    """Never ends in virtual time."""
    while True:  # noqa: ASYNC110  # nobody would set an event
        await asyncio.sleep(60)


async def too_many_steps() -> Any:
    """Never ends, and never waits."""
    while True:  # noqa: ASYNC110  # the same
        await asyncio.sleep(0)


async def stubborn() -> Any:
    """Never ends, and is not to be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def raises() -> Any:
    """An exception of the main coroutine."""
    raise KeyError("mine")


async def leaks() -> Any:
    """Tasks, a generator and threads that nobody ends."""
    log: list[str] = []

    async def task(name: str) -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            log.append(f"{name} cancelled")

    async def generator() -> Any:
        try:
            yield 1
        finally:
            log.append("generator closed")

    def thread() -> None:
        try:
            threading.Event().wait()
        finally:
            log.append("thread ended")

    tasks = [asyncio.create_task(task(name)) for name in "abc"]
    kept = generator()
    await anext(kept)
    threading.Thread(target=thread, name="leak-1").start()
    threading.Thread(target=lambda: asyncio.run(task("other loop")), name="leak-2", daemon=True).start()
    await asyncio.sleep(1)
    pool = ThreadPoolExecutor(1, thread_name_prefix="idle")
    pool.submit(int).result()
    KEPT.append((tasks, kept, pool))
    LOGS.append(log)
    return "ok"


async def refuses_to_end() -> Any:
    """A thread that goes on after it was ended, again and again."""

    def thread() -> None:
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1)

    threading.Thread(target=thread, name="stubborn", daemon=True).start()
    await asyncio.sleep(0.5)
    return "ok"


KEPT: list[Any] = []
LOGS: list[list[str]] = []
BUDGETED = {"too_long": too_long, "too_many_steps": too_many_steps, "stubborn": stubborn}
CASES = {
    case.__name__: case
    for case in (
        two_locks,
        lost_wakeup,
        own_result,
        crossed_workers,
        lock_over_an_await,
        long_work,
        raises,
        leaks,
        refuses_to_end,
    )
}

if __name__ == "__main__":
    got = {name: stage.told(stage.run(case)) for name, case in CASES.items()}
    for name, budgeted in BUDGETED.items():
        got[name] = stage.told(stage.run(budgeted, budget=Budget(virtual_s=3600.0, steps=20_000)))
    got["leaks"]["log"] = LOGS[0]
    KEPT.clear()
    got["left"] = [thread.name for thread in threading.enumerate()]
    stage.show(got)
