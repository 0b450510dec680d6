"""A store that is away, slow, locked, full or held up: what the target gets, and that it has all of it back afterwards."""

import asyncio
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, store_bench

from harness.errors import UsageError
from harness.faults.store import StoreDiskFull, StoreDown, StoreLocked, StoreQueueFull, StoreSlow
from harness.faults.store_base import StoreFault
from harness.faults.store_commits import StoreCommitFails, StoreCommitUncertain, StoreLostWrite
from harness.faults.store_pool import StorePoolExhausted
from harness.faults.store_reads import StoreStaleRead
from harness.faults.store_rows import StoreCorruptRow, StoreCrossedReply
from harness.registry import needs_of, stages_of
from harness.rig import Window

ALL: tuple[type[StoreFault], ...] = (
    StoreDown,
    StoreSlow,
    StoreLocked,
    StoreDiskFull,
    StoreQueueFull,
    StoreCommitFails,
    StoreCommitUncertain,
    StoreLostWrite,
    StoreStaleRead,
    StoreCorruptRow,
    StoreCrossedReply,
    StorePoolExhausted,
)
BRIEFLY: dict[type[StoreFault], StoreFault] = {
    StoreQueueFull: StoreQueueFull(for_s=0.001),
    StorePoolExhausted: StorePoolExhausted(hold_s=0.001),
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def insert(connection: sqlite3.Connection, text: str) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def failed(work: Any) -> tuple[str, str]:
    """The message and the name of the error that the work ends in."""
    with pytest.raises(sqlite3.OperationalError) as raised:
        work()
    assert raised.value.sqlite_errorcode == getattr(sqlite3, raised.value.sqlite_errorname)
    return str(raised.value), raised.value.sqlite_errorname


def test_a_store_that_is_down_fails_with_the_errors_of_sqlite(bench: StoreBench) -> None:
    """Opening, reading, writing and committing each fail as SQLite fails, also on a connection that was open."""
    connection = bench.connect()
    connection.execute("INSERT INTO t VALUES ('pending')")
    with StoreDown().within(bench):
        assert failed(connection.commit) == ("disk I/O error", "SQLITE_IOERR_FSYNC")
        assert failed(bench.connect) == ("unable to open database file", "SQLITE_CANTOPEN")
        assert failed(lambda: connection.execute("SELECT 1")) == ("disk I/O error", "SQLITE_IOERR_READ")
        assert failed(lambda: insert(connection, "x")) == ("disk I/O error", "SQLITE_IOERR_WRITE")
    assert bench.noted == [
        "commit (COMMIT): failed",
        "open: failed",
        "read (SELECT 1): failed",
        "write (INSERT INTO t): failed",
    ]
    insert(connection, "two")
    assert bench.stored() == ["one", "two"]


@pytest.mark.parametrize(("on", "fails"), [("read", "read"), ("write", "write"), ("open", "open")])
def test_a_store_may_be_down_for_one_kind_of_operation(bench: StoreBench, on: str, fails: str) -> None:
    """What `on` does not name is done as ever, and is no firing."""
    connection = bench.connect()
    works = {
        "open": bench.connect,
        "read": lambda: connection.execute("SELECT 1"),
        "write": lambda: insert(connection, "two"),
    }
    with StoreDown(on=on).within(bench):
        for kind, work in works.items():
            if kind == fails:
                failed(work)
            else:
                work()
    assert len(bench.noted) == 1


def test_the_window_counts_operations(bench: StoreBench) -> None:
    """Of the operations that the fault could act on only those are hit that the window lets through."""
    connection = bench.connect()
    with StoreDown(on="read", window=Window(first_n=2)).within(bench):
        for _ in range(2):
            failed(lambda: connection.execute("SELECT 1"))
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    assert len(bench.noted) == 2


def test_the_lock_is_held_by_a_real_connection(bench: StoreBench) -> None:
    """Who begins a write gets SQLITE_BUSY from SQLite itself, readers go on, and the lock is gone with the fault."""
    connection = bench.connect(timeout=0)
    explicit = bench.connect(timeout=0, isolation_level=None)
    with StoreLocked(hold_s=3_600).within(bench):
        assert failed(lambda: insert(connection, "x")) == ("database is locked", "SQLITE_BUSY")
        assert failed(lambda: explicit.execute("BEGIN IMMEDIATE")) == ("database is locked", "SQLITE_BUSY")
        assert connection.execute("SELECT a FROM t").fetchall() == [("one",)]
        with closing(sqlite3.Connection(str(bench.path), timeout=0)) as past:
            assert failed(lambda: past.execute("INSERT INTO t VALUES ('x')"))[1] == "SQLITE_BUSY"
    assert bench.noted == ["write (INSERT INTO t): locked out for 3600 s"]
    insert(connection, "two")
    assert bench.stored() == ["one", "two"]


def test_who_holds_the_lock_already_is_not_locked_out(bench: StoreBench) -> None:
    """A write in a transaction that has begun is no firing, and is stored; one that waits longer than the lock is, too."""
    connection = bench.connect()
    connection.execute("INSERT INTO t VALUES ('two')")
    with StoreLocked(hold_s=0.01).within(bench):
        connection.execute("INSERT INTO t VALUES ('three')")
        connection.commit()
        assert bench.noted == []
        insert(connection, "two more")
    assert len(bench.noted) == 1
    with closing(sqlite3.connect(":memory:")) as memory, StoreLocked().within(bench):
        memory.execute("CREATE TABLE t (a)")
    assert len(bench.noted) == 1
    assert bench.stored() == ["one", "three", "two", "two more"]


def test_a_full_disk_takes_nothing_and_is_read(bench: StoreBench) -> None:
    """Writes and commits fail with SQLITE_FULL, reads and the begin of a transaction do not."""
    connection = bench.connect(isolation_level=None)
    other = bench.connect()
    other.execute("INSERT INTO t VALUES ('pending')")
    with StoreDiskFull().within(bench):
        assert failed(other.commit) == ("database or disk is full", "SQLITE_FULL")
        connection.execute("BEGIN IMMEDIATE")
        assert failed(lambda: connection.execute("DELETE FROM t"))[1] == "SQLITE_FULL"
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT a FROM t").fetchall() == [("one",)]
    assert len(bench.noted) == 2
    insert(other, "two")
    assert bench.stored() == ["one", "two"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_faults_overlap_and_end_in_any_order(bench: StoreBench, order: tuple[int, ...]) -> None:
    """Whichever ends first, the others still hold, the outermost is met first, and afterwards all is well."""
    faults = StoreDown(on="read"), StoreDiskFull(), StoreCommitFails()
    connection = bench.connect()
    holding = [ExitStack() for _ in faults]
    for stack, fault in zip(holding, faults, strict=True):
        stack.enter_context(fault.within(bench))
    for number, ending in enumerate(order):
        left = set(order[number:])
        assert bool(0 in left) is (attempt(connection, "SELECT 1") == "SQLITE_IOERR_READ")
        wanted = "SQLITE_FULL" if 1 in left else "SQLITE_IOERR_FSYNC" if 2 in left else None
        assert attempt(connection, "INSERT INTO t VALUES ('x')") == wanted
        holding[ending].close()
    insert(connection, "two")
    assert bench.stored()[-1] == "x" if order[-1] == 0 else bench.stored() == ["one", "two"]
    assert not bench.gate.ruled


def attempt(connection: sqlite3.Connection, statement: str) -> str | None:
    """The name of the error that a statement in a transaction of its own ends in."""
    try:
        with connection:
            connection.execute(statement)
    except sqlite3.OperationalError as error:
        return error.sqlite_errorname
    return None


@pytest.mark.parametrize("kind", ALL)
def test_every_fault_mends_when_its_block_is_broken_off(bench: StoreBench, kind: type[StoreFault]) -> None:
    """A block that is cancelled leaves no rule and no lock, and the connection that met the fault works."""
    connection = bench.connect(timeout=0)
    fault = BRIEFLY.get(kind, kind())

    def broken_off() -> None:
        with fault.within(bench):
            attempt(connection, "INSERT INTO t VALUES ('x')")
            attempt(connection, "SELECT a FROM t")
            with suppress(sqlite3.Error):
                for value in "pq":
                    connection.execute("SELECT ?", (value,))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        broken_off()
    assert bench.noted
    assert not bench.gate.ruled
    insert(connection, "two")
    assert "two" in bench.stored()
    assert len(connection.execute("SELECT a FROM t").fetchall()) == len(bench.stored())


@pytest.mark.parametrize("kind", ALL)
def test_every_fault_is_plain_data_that_needs_an_inside(kind: type[StoreFault]) -> None:
    """A fault can be sent to the target's process, says what it needs, and takes no window with a level."""
    fault = kind(window=Window(every_k=2))
    assert pickle.loads(pickle.dumps(fault)) == fault
    assert needs_of(fault) == {"store", "inside"}
    assert stages_of(fault) == ("simulated", "live")
    assert kind.__doc__
    with pytest.raises(UsageError, match=f"{kind.name}: an operation on the store has no level"):
        kind(window=Window(level="structured"))


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (StoreDown, {"on": "commit"}, "'any', 'open', 'read', 'write'"),
        (StoreSlow, {"read_s": -1}, "at least 0"),
        (StoreSlow, {"read_s": 0, "write_s": 0, "commit_s": 0, "fsync_s": 0}, "more than 0"),
        (StoreSlow, {"fsync_s": -1}, "at least 0"),
        (StoreLocked, {"hold_s": 0}, "at least 0.001"),
        (StoreQueueFull, {"for_s": 0}, "at least 0.001"),
        (StoreQueueFull, {"depth": 0}, "at least 1"),
        (StoreCommitUncertain, {"delay_s": -1}, "at least 0"),
        (StoreCrossedReply, {"shift": 0}, "at least 1"),
        (StoreCorruptRow, {"form": "gone"}, "'cut', 'gap', 'unknown_role', 'bad_json'"),
        (StoreCorruptRow, {"nth_row": 0}, "at least 1"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(
    kind: type[StoreFault], knobs: dict[str, Any], remedy: str
) -> None:
    """A fault that could never do what was asked is refused where it is made."""
    with pytest.raises(UsageError, match=remedy):
        kind(**knobs)
