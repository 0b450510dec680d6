"""Each fault of the store mends, beside itself or another, whichever of the two ends first."""

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from felt_mending import ORDERS, made, pairs, played
from inside_bench import StoreBench, store_bench

ROUNDS_MAX = 2_000
ONCE = {"store.pool_exhausted"}
"""It happens once, so nothing is asked before it is the only one."""


def used(bench: StoreBench, connection: sqlite3.Connection) -> None:
    """Use the store as a service does, while another writer is there too; what fails is let go."""
    read, named = "SELECT a FROM t", "SELECT a FROM t WHERE a = ?"
    failing = suppress(sqlite3.OperationalError)
    with failing:
        connection.execute(read).fetchall()
    with closing(sqlite3.Connection(str(bench.path), timeout=0, isolation_level=None)) as other, failing:
        other.execute("INSERT INTO t VALUES ('another')")
    with failing:
        connection.execute(read).fetchall()
    for value in ("one", "another"):
        with failing:
            connection.execute(named, (value,)).fetchall()
    with failing, connection:
        connection.execute("INSERT INTO t VALUES ('own')")
    with failing:
        bench.connect(timeout=0).close()


def until_fired(bench: StoreBench, connection: sqlite3.Connection) -> None:
    """Use it until the only fault that is left does what it does."""
    before = len(bench.noted)
    for _ in range(ROUNDS_MAX):
        used(bench, connection)
        if len(bench.noted) > before:
            return
    raise AssertionError("it was not there any more")


def overlap(bench: StoreBench, faults: tuple[Any, Any], order: tuple[int, int]) -> None:
    """Enter both, and leave them in that order; the one that is left is met, and after both nothing is."""
    connection = bench.connect(timeout=0)
    held = [fault.within(bench) for fault in faults]
    for one in held:
        one.__enter__()
    if not ONCE & {fault.name for fault in faults}:
        used(bench, connection)
    held[order[0]].__exit__(None, None, None)
    until_fired(bench, connection)
    held[order[1]].__exit__(None, None, None)
    bench.noted.clear()
    with connection:
        connection.execute("DELETE FROM t")
        connection.executemany("INSERT INTO t VALUES (?)", [("one",), ("two",)])
    assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [("one",), ("two",)]
    assert bench.stored() == ["one", "two"]
    assert (bench.noted, bench.gate.ruled) == ([], False)


@pytest.mark.parametrize("name", played("store"))
def test_two_overlap_and_mend_in_any_order(tmp_path: Path, name: str) -> None:
    """Whichever is left still does what it does; after both what is written is there, is read, and no thread is left."""
    threads = threading.active_count()
    with store_bench(tmp_path) as bench:
        for first, second in pairs(name, "store"):
            for order in ORDERS:
                overlap(bench, (made(first), made(second)), order)
    assert threading.active_count() == threads
