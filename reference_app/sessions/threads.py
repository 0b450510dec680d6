"""Threads that work on database connections, and answer the loop with one wake-up for all that is ready.

A job is a function of a connection. Readers run one job at a time, each on a connection of its own. The writer takes
all jobs that wait, runs them in one transaction, each in a savepoint, and answers them after COMMIT.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from reference_app.sessions.database import Database
from reference_app.sessions.protocol import StoreError, StoreQueueFull, StoreUnavailable

T = TypeVar("T")
BATCH_MAX = 128
STOP_S = 5.0


class Job(Generic[T]):
    """Work for a thread, and the future that waits for it; an abandoned job that did not begin is left out."""

    __slots__ = ("abandoned", "error", "future", "result", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T], future: "asyncio.Future[T]") -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: Exception | None = None
        self.abandoned = False

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work and keep what came of it."""
        self.result = self.work(connection)

    def run_apart(self, connection: sqlite3.Connection) -> None:
        """Do the work in a savepoint: where it fails, the transaction is as if it had not begun."""
        connection.execute("SAVEPOINT job")
        try:
            self.run(connection)
        except Exception as error:  # noqa: BLE001  # a row that cannot be stored must not end the thread
            self.error = as_store_error(error)
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def settle(self) -> None:
        """Answer the waiter, on its loop."""
        if not self.future.done():
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(cast("T", self.result))


def as_store_error(error: Exception) -> StoreError:
    """The error as the store's callers know it."""
    if isinstance(error, StoreError):
        return error
    unavailable = StoreUnavailable(f"{type(error).__name__}: the database refused")
    unavailable.__cause__ = error
    return unavailable


class Answers:
    """Finished jobs on their way to the loop: however many there are, one wake-up is under way at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._finished: deque[Job[Any]] = deque()
        self._under_way = False

    def give(self, jobs: Sequence[Job[Any]]) -> None:
        """Hand over finished jobs, from any thread."""
        self._finished.extend(jobs)
        if not self._under_way:
            self._under_way = True
            # A loop that is closed has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        """Answer all that are there; the flag falls first, so that none that comes now is overlooked."""
        self._under_way = False
        while self._finished:
            self._finished.popleft().settle()


class Threads:
    """Some threads on one queue of jobs; `serve` is what each does until the queue gives None."""

    def __init__(
        self, name: str, count: int, *, waiting_max: int | None = None, stop_s: float = STOP_S
    ) -> None:
        self._name = name
        self._count = count
        self._waiting_max = waiting_max
        self._stop_s = stop_s
        self._queue: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._ready: list[Job[Any]] = []
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, database: Database, serve: "Serve") -> None:
        """Start the threads; they answer to the running loop."""
        self._loop = asyncio.get_running_loop()
        answers = Answers(self._loop)
        self._threads = [
            threading.Thread(
                target=serve,
                args=(self._queue, Held(database), answers),
                name=f"{self._name}-{n}",
                daemon=True,
            )
            for n in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T], *, timeout_s: float) -> T:
        """Have the work done and wait for it, at most `timeout_s`.

        Raises:
            StoreError: it was not done, or not in time; a job that had begun by then may still come to be stored.
        """
        if self._loop is None or not any(thread.is_alive() for thread in self._threads):
            raise StoreUnavailable("the store is not open, or the thread that serves it has ended")
        waiting = self._queue.qsize() + len(self._ready)
        if self._waiting_max is not None and waiting >= self._waiting_max:
            raise StoreQueueFull(f"{self._waiting_max} writes wait already")
        future: asyncio.Future[T] = self._loop.create_future()
        job = Job(work, future)
        expiry = self._loop.call_later(max(0.0, timeout_s), _expire, job)
        self._ready.append(job)
        if len(self._ready) == 1:
            # All jobs of one step of the loop go over together: a thread that is woken for each of them fights the
            # loop for the interpreter, and commits one row at a time.
            self._loop.call_soon(self._hand_over)
        try:
            return await future
        finally:
            expiry.cancel()
            job.abandoned = True

    def _hand_over(self) -> None:
        """Give the jobs that are ready to the threads."""
        ready, self._ready = self._ready, []
        for job in ready:
            self._queue.put(job)

    async def stop(self) -> None:
        """Let the threads finish what waits, and wait for their end, though not for one that hangs in its work."""
        self._hand_over()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + self._stop_s
        for thread in self._threads:
            await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))
        self._threads = []


def _expire(job: Job[Any]) -> None:
    """Give up on a job."""
    job.abandoned = True
    if not job.future.done():
        job.future.set_exception(StoreUnavailable("the store did not answer in time"))


class Held:
    """The connection of one thread: made when first needed, and anew after it was dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None

    def get(self) -> sqlite3.Connection:
        """The connection; it still leads to the file of the store."""
        self._database.check()
        if self._connection is None:
            self._connection = self._database.connect()
        return self._connection

    def drop(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


Serve = Callable[["queue.SimpleQueue[Job[Any] | None]", Held, Answers], None]


def read(jobs: "queue.SimpleQueue[Job[Any] | None]", held: Held, answers: Answers) -> None:
    """Serve reads, one at a time."""
    while (job := jobs.get()) is not None:
        if job.abandoned:
            continue
        try:
            job.result = job.work(held.get())
        except Exception as error:  # noqa: BLE001  # whatever a read meets, the thread serves the next one
            job.error = as_store_error(error)
            if isinstance(error, sqlite3.Error):
                held.drop()
        answers.give((job,))
    held.drop()


def write(jobs: "queue.SimpleQueue[Job[Any] | None]", held: Held, answers: Answers) -> None:
    """Serve writes, all that wait in one transaction."""
    ending = False
    while not ending:
        first = jobs.get()
        batch: list[Job[Any]] = []
        ending = first is None
        if first is not None:
            batch.append(first)
        while not ending and len(batch) < BATCH_MAX:
            try:
                following = jobs.get_nowait()
            except queue.Empty:
                break
            ending = following is None
            if following is not None:
                batch.append(following)
        due = [job for job in batch if not job.abandoned]
        if due:
            commit(due, held)
            answers.give(due)
    held.drop()


def commit(batch: Sequence[Job[Any]], held: Held) -> None:
    """Run the batch in one transaction; where that fails as a whole, every job of it has failed."""
    try:
        connection = held.get()
        if not _committed_together(batch, connection):
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.run_apart(connection)
            connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001  # whatever the database does, the writer serves the next batch
        # A connection that failed here may still hold a transaction, so none of its state is kept.
        held.drop()
        for job in batch:
            job.error = as_store_error(error)


def _committed_together(batch: Sequence[Job[Any]], connection: sqlite3.Connection) -> bool:
    """Run the batch without savepoints, which cost as much as the rows; False, and nothing done, where a job failed."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for job in batch:
            job.run(connection)
    except Exception:  # noqa: BLE001  # which job it was, and why, is found by running each apart
        connection.execute("ROLLBACK")
        return False
    connection.execute("COMMIT")
    return True
