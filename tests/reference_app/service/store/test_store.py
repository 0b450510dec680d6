"""The embedded store: what it keeps, and what it says where it cannot."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reference_app.sessions import database
from reference_app.sessions.database import connector
from reference_app.sessions.protocol import (
    Claim,
    SequenceConflict,
    StoreError,
    StoreUnavailable,
    UnknownSession,
)
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

Append = Callable[..., Any]
Opened = Callable[..., Any]
SOON_S = 5.0


async def load(store: SQLiteSessionStore, session: str = "s") -> list[str]:
    """The messages of a session."""
    found = await store.load(session, None, turns_max=None, timeout_s=SOON_S)
    return [turn.message for turn in found.turns]


async def test_only_the_last_turns_are_loaded_where_so_many_are_wanted(
    append: Append, opened: Opened
) -> None:
    """A limit gives the last turns in order, and the head is that of the whole session."""
    async with opened() as store:
        for sequence in range(1, 6):
            await store.append(append(sequence=sequence, message=str(sequence)), timeout_s=SOON_S)
        last = await store.load("s", None, turns_max=2, timeout_s=SOON_S)
        none = await store.load("s", None, turns_max=0, timeout_s=SOON_S)
    assert ([turn.message for turn in last.turns], last.head) == (["4", "5"], 5)
    assert (none.turns, none.head) == ((), 5)
    assert (last.created_at, last.updated_at) == ("2026-01-01T00:00:01", "2026-01-01T00:00:05")


async def test_one_conflict_in_a_batch_leaves_its_neighbours_alone(append: Append, opened: Opened) -> None:
    """Of many appends that are committed together exactly those fail that do not fit, each by its own reason."""
    async with opened() as store:
        await store.append(append("old"), timeout_s=SOON_S)
        asked = [
            append("a"),
            append("old", 1),
            append("b"),
            append("old", 3),
            append("nobody", 2),
            append("old", 2, "\ud800"),
            append("c"),
            append("old", 2, owner="other"),
        ]
        results = await asyncio.gather(
            *(store.append(one, timeout_s=SOON_S) for one in asked), return_exceptions=True
        )
        kept = [await load(store, session) for session in ("a", "b", "c", "old")]
    assert [type(result) for result in results] == [
        type(None),
        SequenceConflict,
        type(None),
        SequenceConflict,
        UnknownSession,
        StoreUnavailable,
        type(None),
        UnknownSession,
    ]
    assert kept == [["hello"]] * 4


async def test_a_row_that_cannot_be_stored_does_not_end_the_writer(append: Append, opened: Opened) -> None:
    """After a poisonous row the next one is stored, by the same thread."""
    async with opened() as store:
        with pytest.raises(StoreUnavailable):
            await store.append(append(message="\ud800"), timeout_s=SOON_S)
        await store.append(append(), timeout_s=SOON_S)
        assert await load(store) == ["hello"]


async def test_a_locked_database_is_unavailable_and_heals(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """Somebody else's write lock costs the busy time and then an error, reads go on, and its end ends the trouble."""
    async with opened() as store:
        await store.append(append(), timeout_s=SOON_S)
        other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.append(append(sequence=2), timeout_s=SOON_S)
        with pytest.raises(StoreUnavailable):
            await store.check(timeout_s=SOON_S)
        assert await load(store) == ["hello"]
        other.execute("ROLLBACK")
        other.close()
        await store.append(append(sequence=2, message="again"), timeout_s=SOON_S)
        await store.check(timeout_s=SOON_S)
        assert await load(store) == ["hello", "again"]


async def test_closing_stores_what_was_taken(append: Append, opened: Opened) -> None:
    """Appends that wait when the store is closed are committed first, and acknowledged."""
    async with opened() as store:
        taken = [asyncio.ensure_future(store.append(append(str(n)), timeout_s=SOON_S)) for n in range(200)]
        await asyncio.sleep(0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store-")]
    await asyncio.gather(*taken)
    async with opened() as store:
        assert [await load(store, str(n)) for n in range(200)] == [["hello"]] * 200


async def test_a_store_that_is_not_open_says_so(append: Append, opened: Opened) -> None:
    """Before it is opened and after it is closed every call is refused, never left hanging."""
    store = SQLiteSessionStore(Settings())
    with pytest.raises(StoreUnavailable):
        await store.check(timeout_s=SOON_S)
    async with opened() as closed:
        pass
    with pytest.raises(StoreUnavailable):
        await load(closed)


async def test_a_writer_that_has_ended_is_noticed(append: Append, opened: Opened) -> None:
    """With its thread gone the store is unavailable at once."""
    async with opened() as store:
        # No error ends the writer, so the thread is ended the way that closing does.
        await store._writer.stop()  # the state that a dead thread leaves
        with pytest.raises(StoreUnavailable, match="has ended"):
            await store.append(append(), timeout_s=SOON_S)
        with pytest.raises(StoreUnavailable, match="has ended"):
            await store.check(timeout_s=SOON_S)


async def test_nothing_of_a_forgotten_session_is_kept(append: Append, opened: Opened, tmp_path: Path) -> None:
    """No table holds a row of it, so that its id could be used again."""
    async with opened() as store:
        claim = Claim(scope="s", key="k", fingerprint="f")
        await store.append(replace(append(), claim=claim, answer=b"{}"), timeout_s=SOON_S)
        await store.delete("s", None, timeout_s=SOON_S)
        other = sqlite3.connect(tmp_path / "s.db")
        rows = [
            other.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("session", "turn", "answer")
        ]
        other.close()
    assert rows == [0, 0, 0]


async def test_a_damaged_row_harms_its_own_session_only(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """A session whose row makes no sense is a typed error; the others are read."""
    async with opened() as store:
        await store.append(append("good"), timeout_s=SOON_S)
        await store.append(append("bad"), timeout_s=SOON_S)
        with sqlite3.connect(tmp_path / "s.db") as other:
            other.execute("UPDATE turn SET intent = 'nonsense' WHERE session = 'bad'")
        other.close()
        with pytest.raises(StoreError):
            await load(store, "bad")
        assert await load(store, "good") == ["hello"]


async def test_old_answers_are_not_replayed_and_make_room(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """An answer is kept for a day: then its key is free, the next answer drops it, and its turn stays."""
    now = datetime.now(UTC)
    young, old = Claim(scope="s", key="young", fingerprint="f"), Claim(scope="s", key="old", fingerprint="f")
    async with opened() as store:
        for number, (claim, hours) in enumerate([(young, 23), (old, 25)], start=1):
            made = append(sequence=number)
            stamp = (now - timedelta(hours=hours)).isoformat(timespec="milliseconds")
            turn = replace(made.turn, created_at=stamp)
            await store.append(replace(made, turn=turn, claim=claim, answer=b"{}"), timeout_s=SOON_S)
        assert await store.answered(old, timeout_s=SOON_S) is None
        assert await store.answered(young, timeout_s=SOON_S) is not None
        made = append(sequence=3)
        turn = replace(made.turn, created_at=now.isoformat(timespec="milliseconds"))
        await store.append(replace(made, turn=turn, claim=old, answer=b"new"), timeout_s=SOON_S)
        found = await store.answered(old, timeout_s=SOON_S)
        assert (found and found.answer, await store.answered(young, timeout_s=SOON_S) is not None) == (
            b"new",
            True,
        )
        assert len(await load(store)) == 3


async def test_a_read_that_fails_is_typed_and_the_next_one_is_served(append: Append, opened: Opened) -> None:
    """A connection that breaks is an error of the store, and the reader makes a new one."""
    broken = [sqlite3.OperationalError("disk I/O error")]

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if broken and sql.startswith("SELECT head"):
                raise broken.pop()
            return super().execute(sql, *values)

    connections: list[Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        connector(Settings())(path).close()
        connections.append(sqlite3.connect(path, check_same_thread=False, factory=Connection))
        connections[-1].isolation_level = None
        return connections[-1]

    async with opened(connect=connect, store_readers=1) as store:
        await store.append(append(), timeout_s=SOON_S)
        with pytest.raises(StoreUnavailable):
            await load(store)
        assert await load(store) == ["hello"]
        assert len(connections) == 3


async def test_a_read_is_bounded(append: Append, opened: Opened) -> None:
    """A reader that stands still costs its callers their time and no more, and serves again when it goes on."""
    held, release = threading.Event(), threading.Event()

    def connect(path: Path) -> sqlite3.Connection:
        if threading.current_thread().name.startswith("store-reader"):
            held.set()
            release.wait(SOON_S)
        return connector(Settings())(path)

    async with opened(connect=connect, store_readers=1) as store:
        await store.append(append(), timeout_s=SOON_S)
        first = asyncio.ensure_future(load(store))
        assert await asyncio.to_thread(held.wait, SOON_S)
        with pytest.raises(StoreUnavailable, match="in time"):
            await store.load("s", None, turns_max=None, timeout_s=0.01)
        release.set()
        assert await first == ["hello"]
        assert await load(store) == ["hello"]


async def test_a_later_schema_is_refused(append: Append, opened: Opened, tmp_path: Path) -> None:
    """A database that a later version has made is not touched."""
    with sqlite3.connect(tmp_path / "s.db") as other:
        other.execute(f"PRAGMA user_version={database.SCHEMA_VERSION + 1}")
    other.close()
    async with opened() as store:
        with pytest.raises(StoreUnavailable, match="later version"):
            await store.append(append(), timeout_s=SOON_S)


async def test_two_stores_share_a_file(append: Append, opened: Opened) -> None:
    """A second process on the same file sees what the first has stored, and its stale append is a conflict."""
    async with opened() as one, opened() as two:
        await one.append(append(), timeout_s=SOON_S)
        assert await load(two) == ["hello"]
        await two.append(append(sequence=2, message="theirs"), timeout_s=SOON_S)
        with pytest.raises(SequenceConflict):
            await one.append(append(sequence=2, message="ours"), timeout_s=SOON_S)
        assert await load(one) == ["hello", "theirs"]
