"""Reads of the past: what is fetched, and that what is stored stays as it is."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, in_thread, plain, store_bench

from harness.faults.store_reads import StoreStaleRead

READ = "SELECT a FROM t ORDER BY a"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def add(connection: sqlite3.Connection, text: str) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def test_reads_see_what_was_there_when_the_fault_began(bench: StoreBench) -> None:
    """A turn that was stored meanwhile is missed by every connection, is there past the gate, and is read afterwards."""
    reader, writer = bench.connect(), bench.connect()
    with StoreStaleRead().within(bench):
        assert reader.execute(READ).fetchall() == [("one",)]
        assert bench.noted == []
        add(writer, "two")
        assert reader.execute(READ).fetchall() == [("one",)]
        assert bench.connect().execute("SELECT count(*) FROM t WHERE a >= ?", ("o",)).fetchone() == (1,)
        assert bench.stored() == ["one", "two"]
    assert bench.noted == [
        "read (SELECT a FROM): 1 rows of before",
        "read (SELECT count(*) FROM): 1 rows of before",
    ]
    assert reader.execute(READ).fetchall() == [("one",), ("two",)]


def test_a_transaction_reads_what_is_there(bench: StoreBench) -> None:
    """Within a transaction the connection sees the database as it is, its own writes included."""
    connection = bench.connect()
    with StoreStaleRead().within(bench):
        connection.execute("INSERT INTO t VALUES ('two')")
        assert connection.execute(READ).fetchall() == [("one",), ("two",)]
        connection.commit()
        assert connection.execute(READ).fetchall() == [("one",)]
    assert len(bench.noted) == 1


def test_rows_of_the_past_come_as_the_app_wants_its_rows(bench: StoreBench) -> None:
    """Row factories, text factories, converters and every way to fetch hold for them too."""
    with plain(bench.path) as connection:
        connection.execute("CREATE TABLE u (j JSON, text TEXT)")
        connection.executemany("INSERT INTO u VALUES (?, ?)", [('{"n": 1}', "x"), ('{"n": 2}', "y")])
    sqlite3.register_converter("json", json.loads)
    reader = bench.connect(detect_types=sqlite3.PARSE_DECLTYPES)
    reader.row_factory, reader.text_factory = sqlite3.Row, bytes
    with StoreStaleRead().within(bench):
        reader.execute(READ)
        with plain(bench.path) as connection:
            connection.execute("DELETE FROM u")
        cursor = reader.execute("SELECT j, text FROM u")
        first = cursor.fetchone()
        assert (first["j"], first["text"]) == ({"n": 1}, b"x")
        assert [row["j"] for row in cursor] == [{"n": 2}]
        assert (cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall()) == (None, [], [])
        again = reader.execute("SELECT text FROM u")
        assert [row["text"] for row in again.fetchmany(1)] == [b"x"]
        assert [row["text"] for row in again.fetchmany()] == [b"y"]
        assert cursor.execute("SELECT 5").fetchone()[0] == 5
    assert len(bench.noted) == 2


def test_what_has_no_past_is_read_as_it_is(bench: StoreBench, tmp_path: Path) -> None:
    """A database in memory, a function of the app's own, and a file that came later are read as ever: no firing."""
    reader = bench.connect()
    reader.create_function("twice", 1, lambda text: text * 2)
    later = tmp_path / "later?.db"
    with StoreStaleRead().within(bench), closing(sqlite3.connect(":memory:")) as memory:
        reader.execute(READ)
        add(reader, "two")
        assert reader.execute("SELECT twice(a) FROM t").fetchall() == [("oneone",), ("twotwo",)]
        memory.execute("CREATE TABLE t (a)")
        add(memory, "here")
        assert memory.execute(READ).fetchall() == [("here",)]
        with closing(sqlite3.connect(later)) as new:
            new.execute("CREATE TABLE t (a)")
            add(new, "here")
            assert new.execute(READ).fetchall() == [("here",)]
        with closing(sqlite3.Connection(":memory:")) as target:
            reader.backup(target)
            assert target.execute(READ).fetchall() == [("one",), ("two",)]
    assert bench.noted == []


async def test_threads_share_the_past(bench: StoreBench) -> None:
    """Readers in threads of their own miss the same turn, at the same time."""
    readers = [bench.connect() for _ in range(4)]
    with StoreStaleRead().within(bench):
        add(bench.connect(), "two")
        start = threading.Barrier(len(readers))

        def read(connection: sqlite3.Connection) -> Any:
            start.wait()
            return connection.execute(READ).fetchall()

        found = await asyncio.gather(*(in_thread(lambda each=each: read(each)) for each in readers))
    assert found == [[("one",)]] * 4
    assert len(bench.noted) == 4
