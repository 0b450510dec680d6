"""Sessions in SQLite: WAL, synchronous=FULL, one writer with group commit, readers with connections of their own."""

import contextlib
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from reference_app.contract import Method, Turn, UserIntent, WorkflowPhase
from reference_app.sessions.database import Connect, Database, connector
from reference_app.sessions.protocol import (
    Append,
    Claim,
    IdempotencyConflict,
    SequenceConflict,
    StoredAnswer,
    StoredSession,
    StoreUnavailable,
    UnknownSession,
)
from reference_app.sessions.threads import Threads, read, write
from reference_app.settings import Settings

ANSWERS_KEPT = timedelta(hours=24)
TEMPORARY = ":temporary:"
PROBE_BYTES = 16 * 1024
"""More than an ordinary turn takes, so that a disk with no room for one has none for the probe."""


class SQLiteSessionStore:
    """The embedded store, at `sqlite:///PATH`; `sqlite:///:temporary:` is a file that goes when the store closes."""

    def __init__(self, settings: Settings, *, connect: Connect | None = None) -> None:
        if not settings.store_url.startswith("sqlite:///"):
            raise ValueError("store_url must be sqlite:///PATH or sqlite:///:temporary:")
        self._place = settings.store_url.removeprefix("sqlite:///")
        # SQLite would give each connection a database of its own, which goes with the connection.
        if Path(self._place) in {Path(), Path(":memory:")}:
            raise ValueError("store_url must name a file: sqlite:///PATH or sqlite:///:temporary:")
        self._connect = connect or connector(settings)
        self._readers = Threads("store-reader", settings.store_readers)
        self._writer = Threads("store-writer", 1, waiting_max=settings.store_queue_max)
        self._folder: Path | None = None

    async def open(self) -> None:
        """Start the threads; each connects when it is first asked."""
        if self._place == TEMPORARY:
            self._folder = Path(tempfile.mkdtemp(prefix="sessions-"))
        path = Path(self._place) if self._folder is None else self._folder / "sessions.db"
        database = Database(path, self._connect)
        self._writer.start(database, write)
        self._readers.start(database, read)
        # A store that is away now may be back later: readiness tells, and so does every request.
        with contextlib.suppress(StoreUnavailable):
            await self._writer.run(_forget_old_answers, timeout_s=5.0)

    async def close(self) -> None:
        """Store what was taken, end the threads, and remove a temporary file."""
        await self._writer.stop()
        await self._readers.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def check(self, *, timeout_s: float) -> None:
        """Have the writer store a row and commit it."""
        await self._writer.run(_probe, timeout_s=timeout_s)

    async def load(
        self, session: str, owner: str | None, *, turns_max: int | None, timeout_s: float
    ) -> StoredSession:
        """The session with its last turns."""
        return await self._readers.run(partial(_load, session, owner, turns_max), timeout_s=timeout_s)

    async def answered(self, claim: Claim, *, timeout_s: float) -> StoredAnswer | None:
        """What the claim's key was answered with, or None."""
        return await self._readers.run(partial(_answered, claim), timeout_s=timeout_s)

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Store a turn; it is committed when this returns."""
        await self._writer.run(partial(append_turn, append), timeout_s=timeout_s)

    async def delete(self, session: str, owner: str | None, *, timeout_s: float) -> None:
        """Forget a session with its turns and stored answers."""
        await self._writer.run(partial(_delete, session, owner), timeout_s=timeout_s)


def _probe(connection: sqlite3.Connection) -> None:
    """Store a row beside the one before, and drop that one then: the pages that are asked for must be free, as a turn's."""
    connection.execute("INSERT INTO probe (filler) VALUES (zeroblob(?))", (PROBE_BYTES,))
    connection.execute("DELETE FROM probe WHERE number < last_insert_rowid()")


def _forget_old_answers(connection: sqlite3.Connection) -> None:
    """Drop the answers that nobody may ask for any more."""
    connection.execute("DELETE FROM answer WHERE created_at < ?", (_oldest(),))


def _load(
    session: str, owner: str | None, turns_max: int | None, connection: sqlite3.Connection
) -> StoredSession:
    """Read a session; its turns up to the head that was read, for another may be committed between the statements."""
    found = connection.execute(
        "SELECT head, phase, created_at, updated_at FROM session WHERE session = ? AND owner IS ?",
        (session, owner),
    ).fetchone()
    if found is None:
        raise UnknownSession("there is no such session")
    head, phase, created_at, updated_at = found
    rows = connection.execute(
        "SELECT sequence, message, response, intent, method, request_id, created_at FROM turn "
        "WHERE session = ? AND sequence > ? AND sequence <= ? ORDER BY sequence",
        (session, 0 if turns_max is None else head - turns_max, head),
    ).fetchall()
    turns = tuple(
        Turn(
            sequence=sequence,
            message=message,
            response=response,
            intent=UserIntent(intent),
            method=Method(method),
            request_id=request_id,
            created_at=created_at,
        )
        for sequence, message, response, intent, method, request_id, created_at in rows
    )
    return StoredSession(
        session=session,
        head=head,
        phase=WorkflowPhase(phase),
        turns=turns,
        created_at=created_at,
        updated_at=updated_at,
    )


def _answered(claim: Claim, connection: sqlite3.Connection) -> StoredAnswer | None:
    """Read a stored answer that is not too old."""
    found = connection.execute(
        "SELECT session, fingerprint, answer FROM answer WHERE scope = ? AND key = ? AND created_at >= ?",
        (claim.scope, claim.key, _oldest()),
    ).fetchone()
    return None if found is None else StoredAnswer(session=found[0], fingerprint=found[1], answer=found[2])


def append_turn(append: Append, connection: sqlite3.Connection) -> None:
    """Store a turn at the head that was read, and the claim's answer with it."""
    turn = append.turn
    try:
        if turn.sequence == 1:
            connection.execute(
                "INSERT INTO session VALUES (?, ?, 1, ?, ?, ?)",
                (append.session, append.owner, append.phase.value, turn.created_at, turn.created_at),
            )
        else:
            _advance(append, connection)
        connection.execute(
            "INSERT INTO turn VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                append.session,
                turn.sequence,
                turn.message,
                turn.response,
                turn.intent.value,
                turn.method.value,
                turn.request_id,
                turn.created_at,
            ),
        )
    except sqlite3.IntegrityError as error:
        raise SequenceConflict(f"turn {turn.sequence} is there already") from error
    if append.claim is not None:
        _keep_answer(append, append.claim, connection)


def _advance(append: Append, connection: sqlite3.Connection) -> None:
    """Move the head of a session by one, if it still is where it was read."""
    turn = append.turn
    moved = connection.execute(
        "UPDATE session SET head = ?, phase = ?, updated_at = ? WHERE session = ? AND owner IS ? AND head = ?",
        (turn.sequence, append.phase.value, turn.created_at, append.session, append.owner, turn.sequence - 1),
    ).rowcount
    if moved != 1:
        there = connection.execute(
            "SELECT 1 FROM session WHERE session = ? AND owner IS ?", (append.session, append.owner)
        ).fetchone()
        raise (
            SequenceConflict(f"the head is not at {turn.sequence - 1}")
            if there
            else UnknownSession("there is no such session")
        )


def _keep_answer(append: Append, claim: Claim, connection: sqlite3.Connection) -> None:
    """Store what the claim is answered with, in the place of all that is too old."""
    _forget_old_answers(connection)
    try:
        connection.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)",
            (
                claim.scope,
                claim.key,
                append.session,
                claim.fingerprint,
                append.answer,
                append.turn.created_at,
            ),
        )
    except sqlite3.IntegrityError as error:
        raise IdempotencyConflict("the key was stored meanwhile") from error


def _delete(session: str, owner: str | None, connection: sqlite3.Connection) -> None:
    """Forget a session with all that belongs to it."""
    gone = connection.execute(
        "DELETE FROM session WHERE session = ? AND owner IS ?", (session, owner)
    ).rowcount
    if gone != 1:
        raise UnknownSession("there is no such session")
    connection.execute("DELETE FROM turn WHERE session = ?", (session,))
    connection.execute("DELETE FROM answer WHERE session = ?", (session,))


def _oldest() -> str:
    """When an answer that is still kept was stored at the earliest, as the rows carry it."""
    return (datetime.now(UTC) - ANSWERS_KEPT).isoformat(timespec="milliseconds")
