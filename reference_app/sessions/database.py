"""The file of the embedded store: how it is opened, what tables it has, and that it is still the one at its path."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from reference_app.sessions.protocol import StoreUnavailable
from reference_app.settings import Settings

_STEPS = (
    """
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
CREATE INDEX answer_session ON answer (session)
""",
    """
CREATE INDEX answer_created ON answer (created_at);
CREATE TABLE probe (number INTEGER PRIMARY KEY, filler BLOB NOT NULL)
""",
)
SCHEMA_VERSION = len(_STEPS)

Connect = Callable[[Path], sqlite3.Connection]


def connector(settings: Settings) -> Connect:
    """The way to open a database file as the settings ask."""

    def connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=settings.store_busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            make_durable(connection)
            prepare(connection)
        except BaseException:  # whatever it is, nobody else holds the connection
            connection.close()
            raise
        return connection

    return connect


def make_durable(connection: sqlite3.Connection) -> None:
    """Have commits last, and refuse a database that cannot do it, such as one in memory."""
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreUnavailable(f"the database cannot be put into WAL mode: it stays in mode {mode}")
    connection.execute("PRAGMA synchronous=FULL")


def prepare(connection: sqlite3.Connection) -> None:
    """Bring a database to the schema, from an empty or an earlier one, and refuse one that a later version made."""
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StoreUnavailable(
            f"the store has schema {version}, this version knows {SCHEMA_VERSION}; use a later version"
        )
    connection.execute("BEGIN IMMEDIATE")
    # Two processes may open a store at once: the second finds it made.
    if (version := _version(connection)) < SCHEMA_VERSION:
        for step in _STEPS[version:]:
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    """The schema that a database has; 0 where it is empty."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class Database:
    """The database at a path. Once it was opened, that very file must stay there: what goes to another is lost."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._opened: tuple[int, int] | None = None

    def connect(self) -> sqlite3.Connection:
        """A new connection to it."""
        connection = self._connect(self._path)
        self._opened = self._opened or self._found()
        return connection

    def check(self) -> None:
        """See that the file that was opened is the one at the path.

        Raises:
            StoreUnavailable: it was removed or replaced.
        """
        if self._opened is not None and self._found() != self._opened:
            raise StoreUnavailable("the file of the store was removed or replaced: put it back, or restart")

    def _found(self) -> tuple[int, int] | None:
        """Which file is at the path; None where there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
