"""A store that keeps whoever asks waiting: for how long, at what, and what others see meanwhile."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, in_thread, plain, store_bench

from harness.faults.store import Queue, StoreQueueFull, StoreSlow
from harness.faults.store_base import StoreFault
from harness.faults.store_commits import StoreCommitUncertain


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def insert(connection: sqlite3.Connection, text: str) -> None:
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (text,))


def test_each_operation_of_a_slow_store_is_held_up(
    bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind waits for its own time, one of no time is no firing, and all of it is done in the end."""
    waited: list[float | None] = []

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return False

    connection = bench.connect()
    fault = StoreSlow(read_s=0, write_s=2, commit_s=3, fsync_s=4)
    with monkeypatch.context() as patched, fault.within(bench):
        patched.setattr(threading.Event, "wait", wait)
        insert(connection, "two")
        connection.execute("SELECT 1")
    assert waited == [2, 3, 4]
    assert bench.noted == [
        "write (INSERT INTO t): held up for 2 s before it was done",
        "commit (COMMIT): held up for 3 s before it was done",
        "commit (COMMIT): held up for 4 s after it was done",
    ]
    assert bench.stored() == ["one", "two"]


@pytest.mark.parametrize(
    "fault", [StoreSlow(commit_s=3_600, write_s=0), StoreQueueFull(), StoreQueueFull(for_s=3_600)], ids=repr
)
async def test_who_is_held_up_goes_on_when_the_fault_ends(bench: StoreBench, fault: StoreFault) -> None:
    """A commit in a thread of its own waits while the fault lasts, however long it would be, and is done then."""
    connection = bench.connect()
    begun = threading.Event()
    bench.fired = lambda detail: begun.set()  # type: ignore[method-assign]  # told rather than noted
    with fault.within(bench):
        commit = in_thread(lambda: insert(connection, "two"))
        await asyncio.to_thread(begun.wait)
        assert bench.stored() == ["one"]
        assert not commit.done()
    await commit
    assert bench.stored() == ["one", "two"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StoreSlow(fsync_s=3_600, write_s=0, commit_s=0), type(None)),
        (StoreCommitUncertain(delay_s=3_600), sqlite3.OperationalError),
    ],
    ids=repr,
)
async def test_what_is_stored_is_seen_before_its_writer_is_told(
    bench: StoreBench, fault: StoreFault, told: type[Any]
) -> None:
    """While a commit that is done does not return, others read its rows, and the lock of the writer is free."""
    connection = bench.connect()
    begun = threading.Event()
    bench.fired = lambda detail: begun.set()  # type: ignore[method-assign]  # told rather than noted
    with fault.within(bench):
        commit = in_thread(lambda: insert(connection, "two"))
        await asyncio.to_thread(begun.wait)
        assert bench.stored() == ["one", "two"]
        with plain(bench.path) as other:
            other.execute("INSERT INTO t VALUES ('three')")
        assert not commit.done()
    await asyncio.wait([commit])
    assert type(commit.exception()) is told
    assert bench.stored() == ["one", "three", "two"]


async def test_a_queue_that_is_full_lets_go(bench: StoreBench) -> None:
    """With `depth` a commit goes on once so many writes of others wait for the lock, and none is held up from then on."""
    first, *others = (bench.connect(timeout=30) for _ in range(4))
    begun = threading.Event()
    bench.fired = lambda detail: begun.set()  # type: ignore[method-assign]  # told rather than noted
    with StoreQueueFull(depth=3).within(bench):
        commits = [in_thread(lambda: insert(first, "two"))]
        await asyncio.to_thread(begun.wait)
        commits += [in_thread(lambda each=each: insert(each, "more")) for each in others[:2]]
        assert bench.stored() == ["one"]
        assert not any(commit.done() for commit in commits)
        commits.append(in_thread(lambda: insert(others[2], "more")))
        await asyncio.gather(*commits)
    assert bench.stored() == ["more", "more", "more", "one", "two"]


def test_writes_that_nobody_holds_up_fill_no_queue(bench: StoreBench) -> None:
    """Rows that are written while no commit is held up do not let go of the next one."""
    full: list[int] = []
    queue = Queue(1, full=lambda: full.append(1))
    with queue.waiting():
        pass
    with queue.held_up():
        assert not full
        with queue.waiting():
            assert full


def test_a_writer_that_was_held_up_long_enough_goes_on(bench: StoreBench) -> None:
    """With `for_s` a commit goes on while the fault still lasts."""
    with StoreQueueFull(for_s=0.001).within(bench):
        insert(bench.connect(), "two")
        assert bench.stored() == ["one", "two"]
    assert bench.noted == ["commit (COMMIT): held up"]
