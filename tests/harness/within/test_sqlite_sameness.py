"""An app cannot tell the gate from the module: the same calls give the same answers, with and without rules in it."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness.inside import Operation
from harness.within.sqlite import StoreGate

CONTROLS: list[dict[str, Any]] = [{}, {"isolation_level": None}, {"isolation_level": "EXCLUSIVE"}]
if sys.version_info >= (3, 12):
    CONTROLS += [{"autocommit": True}, {"autocommit": False}]

Do = Callable[[sqlite3.Connection], Any]


def _in_block(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (9, 'block')")
        connection.execute("INSERT INTO t VALUES (1, 'twice')")


def _half_read(connection: sqlite3.Connection) -> Any:
    cursor = connection.execute("SELECT n FROM t ORDER BY n")
    first = cursor.fetchone()
    connection.execute("INSERT INTO t VALUES (30, 'meanwhile')")
    return first, cursor.fetchmany(1), cursor.fetchmany(), next(cursor, None), cursor.fetchall()


def _named(connection: sqlite3.Connection) -> Any:
    connection.row_factory = sqlite3.Row
    try:
        rows = connection.execute("SELECT n AS number, text FROM t ORDER BY n").fetchall()
        return [(row["number"], row["text"], row.keys()) for row in rows]
    finally:
        connection.row_factory = None


def _refused_at_commit(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("INSERT INTO child VALUES (99)")


CHILD = "CREATE TABLE child (n REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
STEPS: list[Do] = [
    lambda c: c.execute("PRAGMA foreign_keys=ON").fetchall(),
    lambda c: c.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)").fetchall(),
    lambda c: c.execute(CHILD).rowcount,
    lambda c: c.execute("INSERT INTO t VALUES (1, 'one')").lastrowid,
    lambda c: c.execute("SELECT * FROM t WHERE n = ?", (1,)).fetchall(),
    lambda c: c.commit(),
    lambda c: c.executemany("INSERT INTO t VALUES (?, ?)", [(2, "two"), (3, "three")]).rowcount,
    lambda c: c.executemany("INSERT INTO t VALUES (?, ?)", [(4, "four"), (2, "again")]),
    lambda c: c.rollback(),
    lambda c: c.execute("INSERT INTO t VALUES (:n, :text) RETURNING n", {"n": 5, "text": "five"}).fetchall(),
    _in_block,
    _refused_at_commit,
    lambda c: c.__enter__() is c,
    lambda c: c.execute("UPDATE t SET text = 'x' WHERE n > 1").rowcount,
    lambda c: c.execute("COMMIT").fetchall(),
    lambda c: c.execute("COMMIT"),
    lambda c: c.execute("BEGIN IMMEDIATE").fetchall(),
    lambda c: c.execute("WITH x AS (SELECT 7) INSERT INTO t SELECT 7, 'seven' FROM x").rowcount,
    lambda c: c.execute("SAVEPOINT s").fetchall(),
    lambda c: c.execute("DELETE FROM t").rowcount,
    lambda c: c.execute("ROLLBACK TO s").fetchall(),
    lambda c: c.execute("RELEASE s").fetchall(),
    lambda c: c.execute("END").fetchall(),
    lambda c: c.execute("INSERT INTO t VALUES (8, 'pending')").rowcount,
    lambda c: c.executescript("INSERT INTO t VALUES (10, 'a;b'); ; SELECT 1; UPDATE t SET text='' -- end").fetchall(),
    lambda c: c.executescript("BEGIN; INSERT INTO t VALUES (11, 'left open')").fetchall(),
    lambda c: c.executescript("INSERT INTO t VALUES (12, 'x'); INSERT INTO t VALUES (12, 'y')"),
    lambda c: c.commit(),
    _half_read,
    _named,
    lambda c: c.execute("SELECT 1; SELECT 2"),
    lambda c: c.execute("SELECT * FROM nowhere"),
    lambda c: c.execute("").fetchall(),
    lambda c: c.execute("WITH x AS (SELECT 7) INSERT INTO t SELECT 77, 'x' FROM x").rowcount,
    lambda c: c.execute("INSERT OR REPLACE INTO t VALUES (1, 'replaced')").rowcount,
    lambda c: c.cursor().fetchone(),
    lambda c: c.execute("DROP TABLE IF EXISTS u").rowcount,
    lambda c: c.commit(),
    lambda c: c.execute("VACUUM").fetchall(),
    lambda c: c.execute(None),  # type: ignore[arg-type]  # what an app may do by mistake
    lambda c: c.close(),
    lambda c: c.execute("SELECT 1"),
    lambda c: c.commit(),
]  # fmt: skip


def answers(connection: sqlite3.Connection) -> Iterator[Any]:
    """What each step gives, or how it fails, and how the connection stands after it."""
    for number, step in enumerate(STEPS):
        try:
            result = step(connection)
        except (sqlite3.Error, sqlite3.Warning, TypeError) as error:
            result = type(error), str(error) if isinstance(error, sqlite3.Error) else ""
        try:
            state = connection.in_transaction, connection.isolation_level
        except sqlite3.ProgrammingError:
            state = None
        yield number, result, state


def passed(operation: Operation, do: Callable[[], Any]) -> Any:
    return do()


@pytest.mark.parametrize("control", CONTROLS, ids=str)
@pytest.mark.parametrize("ruled", [False, True])
def test_the_same_calls_give_the_same_answers(
    tmp_path: Path, control: dict[str, Any], *, ruled: bool
) -> None:
    """Rows, counts, errors, states of the transaction and what is stored at the end are those of the bare module."""
    gate = StoreGate()
    with closing(sqlite3.connect(tmp_path / "bare.db", **control)) as connection:
        bare = list(answers(connection))
    rule = gate.around(passed) if ruled else nullcontext()
    with rule, closing(gate.connect(tmp_path / "gated.db", **control)) as connection:
        gated = list(answers(connection))
    assert gated == bare
    with (
        closing(sqlite3.connect(tmp_path / "bare.db")) as one,
        closing(sqlite3.connect(tmp_path / "gated.db")) as two,
    ):
        assert list(two.iterdump()) == list(one.iterdump())
