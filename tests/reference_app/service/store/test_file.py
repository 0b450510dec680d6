"""The file of the store: it must be one, it must last, and it must be the one that was opened."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reference_app.sessions.database import SCHEMA_VERSION, Connect, connector
from reference_app.sessions.protocol import Claim, StoreUnavailable
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

Append = Callable[..., Any]
Opened = Callable[..., Any]
SOON_S = 5.0
PAGES_MAX = 40
TURNS_MAX = 1_000


@pytest.mark.parametrize("place", ["", ".", ":memory:", "./:memory:"])
def test_a_store_without_a_file_is_refused(place: str) -> None:
    """A database in memory is another one for each connection, so that what it acknowledges is lost."""
    with pytest.raises(ValueError, match="must name a file"):
        SQLiteSessionStore(Settings().model_copy(update={"store_url": f"sqlite:///{place}"}))


async def test_a_database_that_has_no_write_ahead_log_is_refused(append: Append, opened: Opened) -> None:
    """Whatever a path leads to, a connection that stays in another journal mode takes no turn."""

    def connect(_: Path) -> sqlite3.Connection:
        return connector(Settings())(Path(":memory:"))

    async with opened(connect=connect) as store:
        with pytest.raises(StoreUnavailable, match="WAL"):
            await store.append(append(), timeout_s=SOON_S)


async def test_a_removed_file_takes_nothing_until_it_is_back(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """Neither the open file, which nobody will find again, nor a new one at its path is written."""
    place, elsewhere = tmp_path / "s.db", tmp_path / "elsewhere"
    async with opened() as store:
        await store.append(append(), timeout_s=SOON_S)
        place.rename(elsewhere)
        for make in (lambda: None, lambda: place.write_bytes(b"")):
            make()
            with pytest.raises(StoreUnavailable, match="removed or replaced"):
                await store.check(timeout_s=SOON_S)
            with pytest.raises(StoreUnavailable, match="removed or replaced"):
                await store.append(append(sequence=2), timeout_s=SOON_S)
            with pytest.raises(StoreUnavailable, match="removed or replaced"):
                await store.load("s", None, turns_max=None, timeout_s=SOON_S)
        assert place.read_bytes() == b""
        elsewhere.rename(place)
        await store.check(timeout_s=SOON_S)
        await store.append(append(sequence=2), timeout_s=SOON_S)


def small(pages_max: int) -> Connect:
    """A way to connect to a database that cannot grow beyond so many pages, as on a full disk."""

    def connect(path: Path) -> sqlite3.Connection:
        connection = connector(Settings())(path)
        connection.execute(f"PRAGMA max_page_count={pages_max}")
        return connection

    return connect


async def test_a_store_that_is_ready_has_room_for_a_turn(append: Append, opened: Opened) -> None:
    """While the check passes the next turn is stored; once turns are refused for want of room, so is the check."""
    async with opened(connect=small(PAGES_MAX)) as store:
        for number in range(TURNS_MAX):
            try:
                await store.check(timeout_s=SOON_S)
            except StoreUnavailable:
                break
            await store.append(append(str(number), message="x" * 1_000), timeout_s=SOON_S)
        spare = [append(f"spare {number}", message="x" * 1_000) for number in range(PAGES_MAX)]
        stored = await asyncio.gather(
            *(store.append(one, timeout_s=SOON_S) for one in spare), return_exceptions=True
        )
        with pytest.raises(StoreUnavailable):
            await store.check(timeout_s=SOON_S)
    assert 0 < number < TURNS_MAX - 1
    assert isinstance(stored[-1], StoreUnavailable)


async def test_the_check_leaves_no_more_than_one_row(opened: Opened, tmp_path: Path) -> None:
    """However often readiness is asked for, the file does not grow by it."""
    sizes = set()
    async with opened() as store:
        for _ in range(4):
            await store.check(timeout_s=SOON_S)
            with sqlite3.connect(tmp_path / "s.db") as other:
                rows = other.execute("SELECT count(*) FROM probe").fetchone()[0]
                sizes.add((rows, other.execute("PRAGMA page_count").fetchone()[0]))
            other.close()
    assert {rows for rows, _ in sizes} == {1}
    assert len(sizes) <= 2


async def test_a_store_of_the_first_schema_is_brought_to_this_one(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """Its turns and answers are kept, and the tables that it had not are there."""
    claim = Claim(scope="s", key="k", fingerprint="f")
    made = append()
    made = replace(made, turn=replace(made.turn, created_at="9999-01-01T00:00:00"), claim=claim, answer=b"{}")
    async with opened() as store:
        await store.append(made, timeout_s=SOON_S)
    with sqlite3.connect(tmp_path / "s.db") as other:
        other.executescript("DROP TABLE probe; DROP INDEX answer_created; PRAGMA user_version=1")
    other.close()
    async with opened() as store:
        await store.check(timeout_s=SOON_S)
        assert (await store.load("s", None, turns_max=None, timeout_s=SOON_S)).head == 1
        assert await store.answered(claim, timeout_s=SOON_S) is not None
    with sqlite3.connect(tmp_path / "s.db") as other:
        assert other.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    other.close()


async def test_a_turn_that_is_stored_while_a_session_is_read_is_left_out(
    append: Append, opened: Opened, tmp_path: Path
) -> None:
    """Head and turns are read by two statements; a turn that is committed between them is not half of the answer."""
    between = [append(sequence=2, message="between")]

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if between and sql.startswith("SELECT sequence"):
                made = between.pop()
                with sqlite3.connect(tmp_path / "s.db") as other:
                    other.execute("UPDATE session SET head = 2")
                    other.execute(
                        "INSERT INTO turn SELECT session, 2, ?, response, intent, method, request_id, created_at "
                        "FROM turn",
                        (made.turn.message,),
                    )
                other.close()
            return super().execute(sql, *values)

    def connect(path: Path) -> sqlite3.Connection:
        connector(Settings())(path).close()
        return sqlite3.connect(path, check_same_thread=False, isolation_level=None, factory=Connection)

    async with opened(connect=connect) as store:
        await store.append(append(), timeout_s=SOON_S)
        found = await store.load("s", None, turns_max=None, timeout_s=SOON_S)
        again = await store.load("s", None, turns_max=None, timeout_s=SOON_S)
    assert (found.head, [turn.message for turn in found.turns]) == (1, ["hello"])
    assert (again.head, [turn.message for turn in again.turns]) == (2, ["hello", "between"])


async def test_commits_are_as_durable_as_promised(append: Append, opened: Opened, tmp_path: Path) -> None:
    """Connections run in WAL mode with full synchronisation and a busy time below a second."""
    connection = connector(Settings())(tmp_path / "s.db")
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "busy_timeout")
    ]
    connection.close()
    assert found == ["wal", 2, 500]


def test_a_temporary_store_goes_when_it_closes(append: Append) -> None:
    """Its file is there while it is open, and its folder is gone afterwards."""
    places: set[Path] = set()

    def connect(path: Path) -> sqlite3.Connection:
        places.add(path)
        return connector(Settings())(path)

    async def use() -> Path:
        store = SQLiteSessionStore(Settings(), connect=connect)
        await store.open()
        await store.append(append(), timeout_s=SOON_S)
        (place,) = places
        assert await asyncio.to_thread(place.exists)
        await store.close()
        return place

    assert not asyncio.run(use()).parent.exists()


def test_an_address_that_is_no_sqlite_is_refused() -> None:
    """The store says what it takes."""
    with pytest.raises(ValueError, match="sqlite:///PATH"):
        SQLiteSessionStore(Settings(store_url="redis://somewhere"))
