"""Sessions in SQLite: WAL, synchronous=FULL, one writer with group commit, readers with connections of their own."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from reference_app.contract import Method, Turn, UserIntent, WorkflowPhase
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

SCHEMA_VERSION = 1
ANSWERS_KEPT = timedelta(hours=24)
TEMPORARY = ":temporary:"
_SCHEMA = """
CREATE TABLE session (
    session TEXT PRIMARY KEY, owner TEXT, head INTEGER NOT NULL, phase TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE turn (
    session TEXT NOT NULL, sequence INTEGER NOT NULL, message TEXT NOT NULL, response TEXT NOT NULL,
    intent TEXT NOT NULL, method TEXT NOT NULL, request_id TEXT NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (session, sequence)
) WITHOUT ROWID;
CREATE TABLE answer (
    scope TEXT NOT NULL, key TEXT NOT NULL, session TEXT NOT NULL, fingerprint TEXT NOT NULL,
    answer BLOB NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX answer_session ON answer (session);
"""

Connect = Callable[[Path], sqlite3.Connection]


def connector(settings: Settings) -> Connect:
    """The way to open a database file as the settings ask."""

    def connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=settings.store_busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def prepare(connection: sqlite3.Connection) -> None:
    """Bring an empty database to the schema, and refuse one that a later version made."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StoreUnavailable(
            f"the store has schema {version}, this version knows {SCHEMA_VERSION}; use a later version"
        )
    connection.execute("BEGIN IMMEDIATE")
    # Two processes may open a new store at once: the second finds it made.
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


class SQLiteSessionStore:
    """The embedded store, at `sqlite:///PATH`; `sqlite:///:temporary:` is a file that goes when the store closes."""

    def __init__(self, settings: Settings, *, connect: Connect | None = None) -> None:
        if not settings.store_url.startswith("sqlite:///"):
            raise ValueError("store_url must be sqlite:///PATH or sqlite:///:temporary:")
        self._place = settings.store_url.removeprefix("sqlite:///")
        self._connect = connect or connector(settings)
        self._readers = Threads("store-reader", settings.store_readers)
        self._writer = Threads("store-writer", 1, waiting_max=settings.store_queue_max)
        self._folder: Path | None = None

    async def open(self) -> None:
        """Start the threads; each connects when it is first asked."""
        if self._place == TEMPORARY:
            self._folder = Path(tempfile.mkdtemp(prefix="sessions-"))
        path = Path(self._place) if self._folder is None else self._folder / "sessions.db"
        connect = partial(self._connect, path)
        self._writer.start(connect, write)
        self._readers.start(connect, read)
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
        """Have the writer take its lock and commit nothing."""
        await self._writer.run(_touch, timeout_s=timeout_s)

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
        await self._writer.run(partial(_append, append), timeout_s=timeout_s)

    async def delete(self, session: str, owner: str | None, *, timeout_s: float) -> None:
        """Forget a session with its turns and stored answers."""
        await self._writer.run(partial(_delete, session, owner), timeout_s=timeout_s)


def _touch(connection: sqlite3.Connection) -> None:
    """Prove that the tables are there."""
    connection.execute("SELECT 1 FROM session LIMIT 1").fetchone()


def _forget_old_answers(connection: sqlite3.Connection) -> None:
    """Drop the answers that nobody may ask for any more."""
    connection.execute("DELETE FROM answer WHERE created_at < ?", (_stamp(datetime.now(UTC) - ANSWERS_KEPT),))


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
    """Read a stored answer."""
    found = connection.execute(
        "SELECT session, fingerprint, answer FROM answer WHERE scope = ? AND key = ?",
        (claim.scope, claim.key),
    ).fetchone()
    return None if found is None else StoredAnswer(session=found[0], fingerprint=found[1], answer=found[2])


def _append(append: Append, connection: sqlite3.Connection) -> None:
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
    """Store what the claim is answered with."""
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


def _stamp(moment: datetime) -> str:
    """A moment as the rows carry it."""
    return moment.isoformat(timespec="milliseconds")
