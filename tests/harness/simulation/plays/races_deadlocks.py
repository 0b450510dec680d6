"""Races that end in waiting for ever: these have no result in a run that goes wrong, but a deadlock."""

import asyncio
import contextlib
import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from races_tasks import turns
from races_threads import Store, round_trips


async def slot_lost_at_cancellation(*, mended: bool = False) -> bool:
    """A call takes a slot and says so before its `try` begins; where it is cancelled there, the slot is never free again.

    Mended, the block that takes the slot is the one that gives it back.
    """
    slots = asyncio.Semaphore(1)

    async def call() -> None:
        if mended:
            async with slots:
                await turns(2)
            return
        await slots.acquire()
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(0)
        finally:
            slots.release()

    calling = asyncio.create_task(call())
    await turns(4)
    calling.cancel()
    await asyncio.wait({calling})
    await call()
    return True


async def locks_in_two_orders(*, mended: bool = False) -> bool:
    """Two transfers between the same accounts, one each way, lock the payer first: each waits for the other's lock.

    Mended, accounts are locked in one order.
    """
    locks = {"a": asyncio.Lock(), "b": asyncio.Lock()}

    async def transfer(payer: str, payee: str, after: int) -> None:
        await turns(after)
        first, second = sorted((payer, payee)) if mended else (payer, payee)
        async with locks[first]:
            await asyncio.sleep(0)
            async with locks[second]:
                await asyncio.sleep(0)

    await asyncio.gather(transfer("a", "b", 0), transfer("b", "a", 4))
    return True


async def pulse_before_the_wait(*, mended: bool = False) -> bool:
    """A configuration's change is told by an event that is set and cleared at once: who is not waiting yet never hears.

    Mended, the event stays set.
    """
    changed = asyncio.Event()

    async def watch() -> None:
        await changed.wait()

    async def change() -> None:
        await asyncio.sleep(0)
        changed.set()
        if not mended:
            changed.clear()

    await asyncio.gather(watch(), change())
    return True


async def lock_over_an_await(*, mended: bool = False) -> bool:
    """A task awaits while it holds a thread's lock; another one that wants it stops the loop, and with it the holder.

    Mended, the batch is taken under the lock, and sent after it.
    """
    lock = threading.Lock()
    lines: list[str] = []

    async def send(batch: list[str]) -> None:
        await turns(3)
        batch.clear()

    async def flush() -> None:
        with lock:
            batch = list(lines)
            if not mended:
                await send(batch)
        if mended:
            await send(batch)

    async def note(after: int) -> bool:
        await turns(after)
        if not lock.acquire(timeout=1):
            return False
        lines.append("line")
        lock.release()
        return True

    return (await asyncio.gather(flush(), note(5)))[1]


async def locks_of_threads_in_two_orders(*, mended: bool = False) -> bool:
    """A sweep locks the table and then its rows, a writer the row and then the table: each has what the other needs.

    Mended, both lock the table first.
    """
    table, row = threading.Lock(), threading.Lock()

    def sweep() -> None:
        for _ in range(2):
            with table, row:
                pass

    def write() -> None:
        first, second = (table, row) if mended else (row, table)
        for _ in range(5):
            with first, second:
                pass

    await asyncio.gather(asyncio.to_thread(sweep), asyncio.to_thread(write))
    return True


async def notified_before_the_wait(*, mended: bool = False) -> bool:
    """A consumer looks into the box without the lock, and then waits: a notice in between is one that nobody heard.

    Mended, it looks under the lock that it waits with.
    """
    box: list[str] = []
    filled = threading.Condition()

    def consume() -> None:
        for _ in range(6):
            if mended:
                with filled:
                    filled.wait_for(lambda: box)
            elif not box:
                with filled:
                    filled.wait()
            box.pop()

    def produce() -> None:
        for _ in range(6):
            with filled:
                box.append("job")
                filled.notify()

    await asyncio.gather(asyncio.to_thread(consume), asyncio.to_thread(produce))
    return True


class Writer:
    """A thread that writes for others, until it finds the end in its queue."""

    def __init__(self, *, mended: bool) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[int], int] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._counts = Store()
        self._mended = mended
        threading.Thread(target=self._serve, name="writer", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, value = job
            future.set_result(value)

    def write(self, value: int) -> int:
        """What is stored: the value, or -1 where the writer is closed."""
        future: Future[int] = Future()
        with self._closing if self._mended else contextlib.nullcontext():
            if self._closed:
                return -1
            self._counts.add("jobs")
            self._jobs.put((future, value))
        return future.result()

    def close(self) -> None:
        """End the thread."""
        with self._closing:
            self._closed = True
            self._jobs.put(None)


async def written_after_the_end(*, mended: bool = False) -> bool:
    """A job comes into the writer's queue after the mark that ends the writer, and is never answered.

    Mended, the look at whether it is closed and the job's way into the queue are under the lock that closing takes.
    """
    writer = Writer(mended=mended)

    def write() -> list[int]:
        return [writer.write(number) for number in range(6)]

    written, _ = await asyncio.gather(asyncio.to_thread(write), asyncio.to_thread(writer.close))
    return all(got in (number, -1) for number, got in enumerate(written))


async def jobs_that_wait_for_jobs(*, mended: bool = False) -> bool:
    """A report hands its parts to the pool that it runs in, and waits: with a report in each thread, no part can run.

    Mended, parts have a pool of their own.
    """
    reports = ThreadPoolExecutor(2)
    parts = ThreadPoolExecutor(2) if mended else reports

    def report() -> int:
        return parts.submit(lambda: 1).result()

    async def order(trips: int) -> int:
        await round_trips(trips)
        return await asyncio.wrap_future(reports.submit(report))

    done = await asyncio.gather(order(0), order(3))
    reports.shutdown(wait=False)
    parts.shutdown(wait=False)
    return sum(done) == 2


RACES = (
    slot_lost_at_cancellation,
    locks_in_two_orders,
    pulse_before_the_wait,
    lock_over_an_await,
    locks_of_threads_in_two_orders,
    notified_before_the_wait,
    written_after_the_end,
    jobs_that_wait_for_jobs,
)
"""All of them."""
