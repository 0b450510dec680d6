"""Mistakes in how turns get into the store, and in what becomes of those that wait."""

import asyncio
import queue
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from reference_app.admission import Admission
from reference_app.components import Components
from reference_app.defects.catalog import Defect
from reference_app.sessions.database import Database
from reference_app.sessions.protocol import Append, Claim, StoredAnswer, StoredSession, StoreError
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.sessions.threads import Answers, Held, Job, Serve, Threads, commit
from reference_app.settings import Settings

T = TypeVar("T")
STORED_EVERY_S = 1.0

EVERYBODY = 1_000_000_000
"""So many requests are taken at once: whoever comes."""


class NoThread(Threads):
    """Does every job where it is asked for it: on the loop's own thread."""

    def start(self, database: Database, serve: Serve) -> None:  # noqa: ARG002  # there is no thread that would serve
        """Get ready to connect."""
        self._held = Held(database)

    async def run(self, work: Callable[[sqlite3.Connection], T], *, timeout_s: float) -> T:  # noqa: ARG002  # the mistake
        """Commit the job, and wait for the lock and the disk as long as those take."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = Job(work, future)
        commit((job,), self._held)
        job.settle()
        return await future

    async def stop(self) -> None:
        """Close the connection."""
        self._held.drop()


class InlineStore(SQLiteSessionStore):
    """Reads in threads, since reads are many, and writes on the loop's own thread, since a write is short."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._writer = NoThread("store-writer", 1)


class UnboundedStore(SQLiteSessionStore):
    """Refuses no write: the queue is as long as it has to be."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._writer = Threads("store-writer", 1)


class TrustingThreads(Threads):
    """Starts a writer that knows of no failure."""

    def start(self, database: Database, serve: Serve) -> None:  # noqa: ARG002  # it has a writer of its own
        """Start it."""
        super().start(database, write_trusting)


class TrustingStore(SQLiteSessionStore):
    """Has a writer to whom nothing is ever given that cannot be stored."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._writer = TrustingThreads("store-writer", 1, waiting_max=settings.store_queue_max)


def write_trusting(jobs: "queue.SimpleQueue[Job[Any] | None]", held: Held, answers: Answers) -> None:
    """Serve writes, each in a transaction; what a job raises goes up, past its waiter, and ends the thread."""
    try:
        while (job := jobs.get()) is not None:
            if job.abandoned:
                continue
            connection = held.get()
            connection.execute("BEGIN IMMEDIATE")
            job.run(connection)
            connection.execute("COMMIT")
            answers.give((job,))
    finally:
        held.drop()


class BehindStore(SQLiteSessionStore):
    """Gathers turns, and stores once a second what has come together; whoever reads has it stored first."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._gathered: list[Append] = []
        self._storing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open, and begin to store in the background."""
        await super().open()
        self._storing = asyncio.create_task(self._now_and_then())

    async def close(self) -> None:
        """End what goes on in the background, then the threads."""
        if self._storing is not None:
            self._storing.cancel()
        await super().close()

    async def append(self, append: Append, *, timeout_s: float) -> None:  # noqa: ARG002  # nobody waits for it
        """Take a turn."""
        self._gathered.append(append)

    async def load(
        self, session: str, owner: str | None, *, turns_max: int | None, timeout_s: float
    ) -> StoredSession:
        """The session, with all that was said in it."""
        await self._store()
        return await super().load(session, owner, turns_max=turns_max, timeout_s=timeout_s)

    async def answered(self, claim: Claim, *, timeout_s: float) -> StoredAnswer | None:
        """What the claim's key was answered with, or None."""
        await self._store()
        return await super().answered(claim, timeout_s=timeout_s)

    async def _now_and_then(self) -> None:
        """Store what has come together, once a second."""
        while True:
            await asyncio.sleep(STORED_EVERY_S)
            await self._store()

    async def _store(self) -> None:
        """Store what has come together; nobody is left to be told of an error."""
        gathered, self._gathered = self._gathered, []
        for append in gathered:
            with suppress(StoreError):
                await super().append(append, timeout_s=STORED_EVERY_S)


def _store(kind: Callable[[Settings], SQLiteSessionStore]) -> Callable[[Components], Components]:
    """The way to put a store in the place of the good one."""
    return lambda components: replace(components, store=lambda parts: kind(parts.settings))


def _unbounded(components: Components) -> Components:
    """Two parts: the bound of the requests in flight is the lower one, and would hide that the queue has none."""
    return replace(
        _store(UnboundedStore)(components), admission=lambda parts: Admission(EVERYBODY, parts.metrics)
    )


DEFECTS = (
    Defect(
        name="commit_on_loop",
        incident_class="C06",
        sources=("ogx-ai/ogx#1489", "Chainlit/chainlit#237"),
        summary="turns are committed on the loop's own thread: while the database is locked or its disk slow, nobody is served",
        reasons=("liveness.loop_responsive", "outcome.answered_within_deadline"),
        apply=_store(InlineStore),
    ),
    Defect(
        name="writer_not_flushed",
        incident_class="C20",
        sources=("Kludex/uvicorn#451",),
        summary="turns are stored behind their answers, once a second, and the shut-down does not store what has come since",
        reasons=("sessions.acknowledged_turns_kept", "sessions.history_preserved"),
        apply=_store(BehindStore),
    ),
    Defect(
        name="unbounded_writer_queue",
        incident_class="C24",
        sources=("HKUDS/nanobot#4780", "SuanmoSuanyangTechnology/MemoryBear#1623"),
        summary="neither the queue of the writer nor what leads to it has a bound: nobody is told that there is no room, until the time is over",
        reasons=("outcome.refused_at_once",),
        apply=_unbounded,
    ),
    Defect(
        name="poison_turn_kills_writer",
        incident_class="C25",
        sources=("vllm-project/vllm#5822",),
        summary="what one request raises in the writer's thread ends the thread, for all that come later",
        reasons=("liveness.recovers",),
        apply=_store(TrustingStore),
    ),
)
