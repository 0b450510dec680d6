"""A commit is seen as one, however it is asked for, and one that no rule lets through is rolled back."""

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, kinds, refused, store_bench, swallowed

CONTROLS: list[dict[str, Any]] = [{}, {"isolation_level": None}, {"isolation_level": "IMMEDIATE"}]
if sys.version_info >= (3, 12):
    CONTROLS += [{"autocommit": True}, {"autocommit": False}]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def test_a_write_outside_of_a_transaction_is_a_write_and_a_commit(bench: StoreBench) -> None:
    """Where SQLite itself would commit, there is a commit to be seen, and rows that are returned are not lost by it."""
    connection = bench.connect(isolation_level=None)
    with bench.watched() as seen:
        connection.execute("INSERT INTO t VALUES ('two')")
        found = connection.execute("INSERT INTO t VALUES ('three') RETURNING a")
        assert not connection.in_transaction
        assert (found.description[0][0], found.fetchone(), found.fetchone()) == ("a", ("three",), None)
    assert kinds(seen) == ["write", "commit"] * 2
    with bench.gate.around(swallowed):
        connection.execute("INSERT INTO t VALUES ('lost')")
    with bench.gate.around(refused), pytest.raises(sqlite3.OperationalError, match="write"):
        connection.execute("INSERT INTO t VALUES ('refused')")
    assert not connection.in_transaction
    assert bench.stored() == ["one", "three", "two"]


def test_each_statement_of_a_script_is_an_operation(bench: StoreBench) -> None:
    """A script commits what was pending, as ever, and its own transaction ends where it says so."""
    connection = bench.connect()
    connection.execute("INSERT INTO t VALUES ('pending')")
    with bench.watched() as seen:
        connection.executescript(
            "BEGIN; INSERT INTO t VALUES ('a;b'); COMMIT; SELECT 1; INSERT INTO t VALUES ('c') -- d"
        )
    assert kinds(seen) == ["commit", "write", "commit", "read", "write", "commit"]
    assert connection.isolation_level == ""
    assert bench.stored() == ["a;b", "c", "one", "pending"]


@pytest.mark.parametrize("control", CONTROLS, ids=str)
@pytest.mark.parametrize("ending", ["COMMIT", "commit()", "with"])
def test_a_commit_that_is_not_done_is_rolled_back(
    bench: StoreBench, control: dict[str, Any], ending: str
) -> None:
    """However an app controls its transactions, one whose commit a rule swallows is not stored, and the next one is."""
    connection = bench.connect(**control)
    unlike = ending == "COMMIT" and control.get("autocommit") is False
    if unlike or (ending != "COMMIT" and control.get("autocommit") is True):
        ending = "commit()" if unlike else "COMMIT"  # what such a connection is ended by

    def turn(text: str) -> None:
        if not connection.in_transaction and control != {}:
            connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (?)", (text,))
        if ending == "with":
            with connection:
                pass
        elif ending == "COMMIT":
            connection.execute("COMMIT")
        else:
            connection.commit()

    with bench.gate.around(swallowed):
        turn("lost")
        assert connection.in_transaction is (control.get("autocommit") is False)
    turn("kept")
    assert bench.stored() == ["kept", "one"]


def test_a_commit_is_seen_where_something_was_written(bench: StoreBench) -> None:
    """Whatever was written before the rule came counts, a script that left its transaction open too; nothing else does."""
    connection = bench.connect(isolation_level=None)
    connection.execute("INSERT INTO t VALUES ('two')")
    with bench.watched() as seen:
        for statement in ("BEGIN", "SELECT 1", "COMMIT"):
            connection.execute(statement)
    assert kinds(seen) == ["read"]
    connection.executescript("BEGIN; INSERT INTO t VALUES ('lost')")
    with bench.gate.around(swallowed):
        connection.commit()
    assert bench.stored() == ["one", "two"]


def test_what_the_module_does_not_begin_a_transaction_for_is_committed_alone(bench: StoreBench) -> None:
    """With the default isolation level too, a new table is there at once: a write and a commit."""
    connection = bench.connect()
    with bench.watched() as seen:
        connection.execute("CREATE TABLE u (a)")
        connection.execute("WITH x AS (SELECT 'two') INSERT INTO t SELECT * FROM x")
        assert not connection.in_transaction
    assert kinds(seen) == ["write", "commit"] * 2
    with bench.gate.around(swallowed):
        connection.execute("DROP TABLE u")
    assert connection.execute("SELECT count(*) FROM u").fetchone() == (0,)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Connection.autocommit came with Python 3.12")
def test_a_call_that_commits_nothing_is_no_commit(bench: StoreBench) -> None:
    """With `autocommit=True` the method commits nothing, so there is nothing to be swallowed; the statement does it."""
    connection = bench.connect(autocommit=True)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES ('two')")
    with bench.gate.around(swallowed):
        connection.commit()
        connection.rollback()
        assert connection.in_transaction
    with bench.watched() as seen:
        connection.execute("COMMIT")
    assert kinds(seen) == ["commit"]
    assert bench.stored() == ["one", "two"]
