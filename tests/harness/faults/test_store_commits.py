"""Commits that fail, that are done and denied, and that are acknowledged and lost: by what is stored afterwards."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from inside_bench import StoreBench, store_bench

from harness.faults.store_base import StoreFault
from harness.faults.store_commits import StoreCommitFails, StoreCommitUncertain, StoreLostWrite
from harness.rig import Window

Turn = Callable[[sqlite3.Connection, str], None]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def by_block(connection: sqlite3.Connection, text: str) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def by_method(connection: sqlite3.Connection, text: str) -> None:
    connection.cursor().executemany("INSERT INTO t VALUES (?)", [(text,)])
    connection.commit()


def by_statement(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t VALUES (?)", (text,))
    connection.execute("COMMIT")


def by_itself(connection: sqlite3.Connection, text: str) -> None:
    connection.isolation_level = None
    connection.execute("INSERT INTO t VALUES (?)", (text,))


def by_script(connection: sqlite3.Connection, text: str) -> None:
    connection.executescript(f"BEGIN; INSERT INTO t VALUES ('{text}'); COMMIT")


TURNS = pytest.mark.parametrize("turn", [by_block, by_method, by_statement, by_itself, by_script])


@TURNS
@pytest.mark.parametrize(
    ("fault", "fails", "stored"),
    [
        (StoreCommitFails(), True, []),
        (StoreCommitUncertain(), True, ["two"]),
        (StoreLostWrite(), False, []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_said_and_what_is_stored(
    bench: StoreBench, turn: Turn, fault: StoreFault, *, fails: bool, stored: list[str]
) -> None:
    """However an app commits, it is told what the fault says, and stored is what the fault is named for."""
    connection = bench.connect()
    with fault.within(bench):
        if fails:
            with pytest.raises(sqlite3.OperationalError, match="disk I/O error") as raised:
                turn(connection, "two")
            assert raised.value.sqlite_errorcode == sqlite3.SQLITE_IOERR_FSYNC
        else:
            turn(connection, "two")
        assert not connection.in_transaction
    assert len(bench.noted) == 1
    assert bench.stored() == ["one", *stored]
    turn(connection, "zero")
    assert bench.stored() == ["one", *stored, "zero"]
    assert len(bench.noted) == 1


@pytest.mark.parametrize("kind", [StoreCommitFails, StoreCommitUncertain, StoreLostWrite])
def test_a_commit_of_nothing_is_no_firing(bench: StoreBench, kind: type[StoreFault]) -> None:
    """A commit that has nothing to store, or that rolls back instead, is left alone."""
    connection = bench.connect()
    with kind().within(bench):
        connection.execute("BEGIN")
        connection.execute("SELECT a FROM t").fetchall()
        connection.execute("COMMIT")
        connection.commit()
        connection.execute("INSERT INTO t VALUES ('x')")
        connection.rollback()
    assert bench.noted == []
    assert bench.stored() == ["one"]


def test_a_transaction_that_had_begun_is_met(bench: StoreBench) -> None:
    """What was written before the fault began is not committed under it; after it, the same connection commits."""
    connection = bench.connect()
    connection.execute("INSERT INTO t VALUES ('lost')")
    with StoreLostWrite().within(bench):
        connection.commit()
    connection.execute("INSERT INTO t VALUES ('two')")
    connection.commit()
    assert bench.stored() == ["one", "two"]


def test_every_second_commit_is_lost(bench: StoreBench) -> None:
    """The window counts commits, and nothing else of a transaction."""
    connection = bench.connect()
    with StoreLostWrite(window=Window(every_k=2)).within(bench):
        for text in ("two", "three", "two b", "three b"):
            by_statement(connection, text)
    assert bench.stored() == ["one", "two", "two b"]
    assert bench.noted == ["commit (COMMIT): acknowledged, rolled back"] * 2


def test_only_the_lost_write_calibrates() -> None:
    """The fault that no service can pass says so; the others are for services to pass."""
    assert StoreLostWrite.calibrates
    assert not [
        kind for kind in (StoreCommitFails, StoreCommitUncertain) if getattr(kind, "calibrates", False)
    ]


async def test_a_connection_in_a_thread_of_its_own_is_met(bench: StoreBench) -> None:
    """A connection that lives in a thread, as aiosqlite keeps one, fails there, and works there afterwards."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:
        connection = await loop.run_in_executor(thread, sqlite3.connect, bench.path)
        with StoreCommitFails().within(bench), pytest.raises(sqlite3.OperationalError):
            await loop.run_in_executor(thread, by_method, connection, "two")
        await loop.run_in_executor(thread, by_method, connection, "three")
        await loop.run_in_executor(thread, connection.close)
    assert bench.stored() == ["one", "three"]
