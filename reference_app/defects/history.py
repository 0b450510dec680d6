"""Mistakes in when a turn is kept, in which place, and how often."""

import asyncio
import sqlite3
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue
from typing import Any

from reference_app.components import Components, make_workflow
from reference_app.context import RequestContext
from reference_app.contract import ExecuteRequest, Method, Turn, UserIntent
from reference_app.defects.catalog import Defect
from reference_app.order import Place, SessionOrder
from reference_app.sessions.database import Database
from reference_app.sessions.protocol import Append, StoredSession
from reference_app.sessions.sqlite import SQLiteSessionStore, append_turn
from reference_app.sessions.threads import Answers, Held, Job, Serve, Threads, as_store_error
from reference_app.settings import Settings
from reference_app.workflow import Asked, Workflow, note


class OpenDoor(SessionOrder):
    """Lets every turn in at once: each works on the history that it found."""

    async def enter(self, session: str, owner: str | None, context: RequestContext) -> Place:  # noqa: ARG002  # nobody is asked
        """A place of one's own."""
        place = Place()
        await place.lock.acquire()
        return place


class WholeStore(SQLiteSessionStore):
    """Writes a session back as a whole, as it was read and with the turn at its end; no version says who came between."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Write the session back."""
        await self._writer.run(partial(_written_back, append), timeout_s=timeout_s)


class OneMemoryStore(SQLiteSessionStore):
    """Remembers the last turns, so that none has to be read: in one memory of the app, not in one of each session."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._recent: deque[Turn] = deque(maxlen=settings.history_turns_max)

    async def load(
        self, session: str, owner: str | None, *, turns_max: int | None, timeout_s: float
    ) -> StoredSession:
        """The session; for a turn, with what is remembered."""
        stored = await super().load(session, owner, turns_max=turns_max, timeout_s=timeout_s)
        return stored if turns_max is None else replace(stored, turns=tuple(self._recent))

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Store a turn, and remember it."""
        await super().append(append, timeout_s=timeout_s)
        self._recent.append(append.turn)


class HastyThreads(Threads):
    """A writer that answers before it has committed."""

    def start(self, database: Database, serve: Serve) -> None:  # noqa: ARG002  # it has its own way
        """Start the thread."""
        super().start(database, write_hastily)


class HastyStore(SQLiteSessionStore):
    """Takes a turn for stored as soon as its rows are written."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._writer = HastyThreads("store-writer", 1, waiting_max=settings.store_queue_max)


class AfterthoughtStore(SQLiteSessionStore):
    """Stores a turn in a task that nobody waits for, holds, or asks how it ended: so that the answer can leave at once."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Begin to store a turn."""
        asyncio.create_task(super().append(append, timeout_s=timeout_s))  # noqa: RUF006  # the mistake


class HalfTurnStore(SQLiteSessionStore):
    """Takes a turn in two halves, the second in the place of the first."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Store the message, or the whole turn where the message is there."""
        work = _written_back if append.turn.response else append_turn
        await self._writer.run(partial(work, append), timeout_s=timeout_s)


class HalfTurnWorkflow(Workflow):
    """Stores what the user said before the model is asked, and the answer to it when there is one."""

    async def attempt(self, asked: Asked, context: RequestContext) -> bytes:
        """Read the session, store the message, classify it, and store the turn."""
        head, state = await self.state(asked, context)
        self._conversation_log.info(
            "conversation_context_built",
            has_history=head > 0,
            messages_count=2 * len(state.turns),
            session=context.session,
        )
        said = Turn(
            sequence=head + 1,
            message=asked.request.message,
            response="",
            intent=UserIntent.UNCLEAR,
            method=Method.PATTERN,
            request_id=context.request_id,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        half = Append(session=asked.session, owner=asked.owner, turn=said, phase=state.phase)
        await self._store.append(half, timeout_s=context.left_s())
        classification = await self.classify(asked.request.message, state)
        note(context, classification)
        return await self.keep(asked, head, state, classification, context)


class KeylessWorkflow(Workflow):
    """Takes idempotency keys, and holds a turn for each request all the same."""

    async def execute(self, request: ExecuteRequest, key: str | None) -> bytes:  # noqa: ARG002  # the mistake
        """Hold one turn, however often it is asked for."""
        return await super().execute(request, None)


def write_hastily(jobs: "SimpleQueue[Job[Any] | None]", held: Held, answers: Answers) -> None:
    """Serve writes: each is answered when its rows are written, and whether they are committed is seen by nobody."""
    while (job := jobs.get()) is not None:
        if job.abandoned:
            continue
        try:
            connection = held.get()
            connection.execute("BEGIN IMMEDIATE")
            job.run_apart(connection)
        except Exception as error:  # noqa: BLE001  # as in the good writer
            held.drop()
            job.error = as_store_error(error)
            answers.give((job,))
            continue
        answers.give((job,))
        try:
            connection.execute("COMMIT")
        except sqlite3.Error:
            held.drop()
    held.drop()


def _written_back(append: Append, connection: sqlite3.Connection) -> None:
    """Bring the session to where it was read, whatever came since, and put the turn there."""
    sequence = append.turn.sequence
    connection.execute("DELETE FROM turn WHERE session = ? AND sequence >= ?", (append.session, sequence))
    if sequence == 1:
        connection.execute("DELETE FROM session WHERE session = ?", (append.session,))
    else:
        connection.execute("UPDATE session SET head = ? WHERE session = ?", (sequence - 1, append.session))
    append_turn(append, connection)


def _last_writer(components: Components) -> Components:
    """Two parts: where turns enter one by one, or the store has versions, the other mistake is never seen."""
    return replace(
        components,
        store=lambda parts: WholeStore(parts.settings),
        order=lambda parts: OpenDoor(parts.settings.session_waiters_max),
    )


def _one_memory(components: Components) -> Components:
    return replace(components, store=lambda parts: OneMemoryStore(parts.settings))


def _hasty(components: Components) -> Components:
    return replace(components, store=lambda parts: HastyStore(parts.settings))


def _afterthought(components: Components) -> Components:
    return replace(components, store=lambda parts: AfterthoughtStore(parts.settings))


def _half_turn(components: Components) -> Components:
    """Two parts: the good store takes a turn once, and would refuse the second half as a conflict."""
    return replace(
        components,
        store=lambda parts: HalfTurnStore(parts.settings),
        workflow=partial(make_workflow, kind=HalfTurnWorkflow),
    )


def _keyless(components: Components) -> Components:
    return replace(components, workflow=partial(make_workflow, kind=KeylessWorkflow))


DEFECTS = (
    Defect(
        name="last_writer_wins",
        incident_class="C12",
        sources=("google/adk-python#4751", "RasaHQ/rasa#9213"),
        summary="the history is read, and written back as a whole without a version: of turns that overlap one is kept",
        reasons=("sessions.acknowledged_turns_kept", "sessions.turns_counted"),
        apply=_last_writer,
    ),
    Defect(
        name="history_crossed",
        incident_class="C12",
        sources=("mem0ai/mem0#1084",),
        summary="one memory of the last turns for the whole app: the model is told what others have said",
        reasons=("sessions.history_preserved",),
        apply=_one_memory,
    ),
    Defect(
        name="ack_before_commit",
        incident_class="C12",
        sources=("fastapi/fastapi#3620",),
        summary="the writer answers before it commits: a turn that was acknowledged is lost with the commit",
        reasons=("sessions.acknowledged_turns_kept",),
        apply=_hasty,
    ),
    Defect(
        name="persist_after_reply",
        incident_class="C11",
        sources=("keephq/keep#6552", "Kludex/starlette#1438", "google/adk-python#5194"),
        summary="a turn is stored by a task that nobody holds, after the answer has left",
        reasons=("sessions.acknowledged_turns_kept", "sessions.history_preserved"),
        apply=_afterthought,
    ),
    Defect(
        name="half_turn_on_cancel",
        incident_class="C09",
        sources=("langchain-ai/langgraph#5672", "wri/project-zeno#541"),
        summary="the message is stored before the model answers: a client that leaves, leaves half a turn behind",
        reasons=("sessions.turns_whole", "sessions.told_whole"),
        apply=_half_turn,
    ),
    Defect(
        name="retry_reruns_turn",
        incident_class="C13",
        sources=("anthropics/anthropic-sdk-java#370", "strands-agents/harness-sdk#1365"),
        summary="the idempotency key is ignored: a retry holds the turn once more",
        reasons=("client.one_answer", "client.one_effect", "sessions.acknowledged_turns_kept"),
        apply=_keyless,
    ),
)
