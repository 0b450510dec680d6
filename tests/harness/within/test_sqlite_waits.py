"""Whoever finds the database locked waits in the time of a simulated run, and as ever outside of one."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, store_bench

ROOT = Path(__file__).parents[3]
PLAY = """
import json, sqlite3, sys, threading, time
from contextlib import closing
from harness.simulation import Simulation
from harness.within.sqlite import StoreGate

path, mode, lock_s, work = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]

def connect(timeout):
    connection = sqlite3.connect(path, timeout=timeout, check_same_thread=False)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    return connection

def once(connection):
    connection.execute("INSERT INTO t VALUES (?)", ("once",))

def many(connection):
    connection.executemany("INSERT INTO t VALUES (?)", ((name,) for name in ("first", "second")))

def pragma(connection):
    connection.execute("PRAGMA busy_timeout = 2000")
    once(connection)

def commit(connection):
    once(connection)
    connection.commit()

async def main():
    gate = StoreGate()
    gate.install()
    with closing(connect(5)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES ('there')")
    locked, said = threading.Event(), {}

    def hold():
        with closing(connect(5)) as connection:
            if work == "commit":
                connection.execute("BEGIN")
                connection.execute("SELECT a FROM t").fetchall()
            else:
                connection.execute("BEGIN IMMEDIATE")
            locked.set()
            time.sleep(lock_s)
            connection.rollback()

    def wait():
        with closing(connect(5)) as connection:
            locked.wait()
            began_s = time.monotonic()
            try:
                globals()[work](connection)
                connection.commit()
            except sqlite3.OperationalError as error:
                said["error"] = error.sqlite_errorname
                connection.rollback()
            said["waited_s"] = time.monotonic() - began_s
            said["timeout_ms"] = connection.execute("PRAGMA busy_timeout").fetchone()[0]
            said["rows"] = [a for a, in connection.execute("SELECT a FROM t ORDER BY rowid")]

    threads = [threading.Thread(target=each) for each in (hold, wait)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.uninstall()
    return said

print(json.dumps(Simulation(seed=0).run(main).result()))
"""


def played(path: Path, mode: str, lock_s: float, work: str) -> Any:
    """What came of work on a database that another thread of the run has locked for so long."""
    done = subprocess.run(
        [sys.executable, "-c", PLAY, str(path), mode, str(lock_s), work],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("mode", "work", "rows"),
    [
        ("wal", "once", ["there", "once"]),
        ("wal", "many", ["there", "first", "second"]),
        ("delete", "once", ["there", "once"]),
        ("delete", "commit", ["there", "once"]),
    ],
)
def test_who_waits_lets_the_holder_go_on(tmp_path: Path, mode: str, work: str, rows: list[str]) -> None:
    """A lock that is given back within the timeout is had then, in the time of the run, and each row is written once."""
    said = played(tmp_path / "waits.db", mode, 3.0, work)
    assert 3.0 <= said.pop("waited_s") <= 3.1
    assert said == {"timeout_ms": 5000, "rows": rows}


@pytest.mark.parametrize(("work", "timeout_ms"), [("once", 5000), ("many", 5000), ("pragma", 2000)])
def test_who_waits_too_long_is_refused(tmp_path: Path, work: str, timeout_ms: int) -> None:
    """After the timeout of the connection, which a pragma may have set, it is SQLITE_BUSY, and nothing is written."""
    said = played(tmp_path / "waits.db", "wal", 100.0, work)
    assert said.pop("waited_s") == pytest.approx(timeout_ms / 1000)
    assert said == {"error": "SQLITE_BUSY", "timeout_ms": timeout_ms, "rows": ["there"]}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def test_outside_of_a_run_sqlite_waits_by_itself(bench: StoreBench) -> None:
    """No statement is run but the app's own, parameters are taken one by one, and a lock is refused as SQLite does it."""
    connection, ran = bench.connect(timeout=0), []
    connection.set_trace_callback(ran.append)
    taken = []

    def rows() -> Iterator[tuple[str]]:
        for name in ("two", "three"):
            taken.append(len(ran))
            yield (name,)

    connection.executemany("INSERT INTO t VALUES (?)", rows())
    connection.commit()
    assert taken[0] < taken[1]
    assert [each.split()[0] for each in ran] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    with closing(sqlite3.Connection(str(bench.path))) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("INSERT INTO t VALUES ('x')")
