"""The writer: its queue is bounded, its callers are bounded, and it acknowledges after COMMIT only."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_app.sessions.database import connector
from reference_app.sessions.protocol import StoreQueueFull, StoreUnavailable, UnknownSession
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

Append = Callable[..., Any]
Opened = Callable[..., Any]
SOON_S = 5.0


async def load(store: SQLiteSessionStore, session: str = "s") -> list[str]:
    """The messages of a session."""
    found = await store.load(session, None, turns_max=None, timeout_s=SOON_S)
    return [turn.message for turn in found.turns]


class Paused:
    """A way to connect whose writer stands still in its first COMMIT, or fails there."""

    def __init__(self, error: Exception | None = None) -> None:
        self.reached, self.release = threading.Event(), threading.Event()
        self.error = error

    def __call__(self, path: Path) -> sqlite3.Connection:
        good = connector(Settings())(path)
        good.close()
        paused = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql == "COMMIT" and threading.current_thread().name.startswith("store-writer"):
                    paused.reached.set()
                    paused.release.wait(SOON_S)
                    if paused.error is not None:
                        raise paused.error
                return super().execute(sql, *values)

        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)


async def paused(pause: Paused) -> None:
    """Wait until the writer stands still."""
    assert await asyncio.to_thread(pause.reached.wait, SOON_S)


async def test_the_queue_of_the_writer_is_bounded(append: Append, opened: Opened) -> None:
    """While the writer stands still so many appends wait as the settings allow, and the next is refused at once."""
    pause = Paused()
    pause.release.set()
    async with opened(connect=pause, store_queue_max=2) as store:
        pause.reached.clear()
        pause.release.clear()
        first = asyncio.ensure_future(store.append(append("0"), timeout_s=SOON_S))
        await paused(pause)
        waiting = [asyncio.ensure_future(store.append(append(str(n)), timeout_s=SOON_S)) for n in range(1, 3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreQueueFull):
            await store.append(append("3"), timeout_s=SOON_S)
        pause.release.set()
        await asyncio.gather(first, *waiting)
        assert [await load(store, str(n)) for n in range(3)] == [["hello"]] * 3


async def test_an_append_is_bounded_and_what_did_not_begin_is_left_out(
    append: Append, opened: Opened
) -> None:
    """A caller that gives up, by time or by cancellation, leaves nothing behind that still comes to be stored."""
    pause = Paused()
    pause.release.set()
    async with opened(connect=pause) as store:
        pause.reached.clear()
        pause.release.clear()
        first = asyncio.ensure_future(store.append(append("first"), timeout_s=SOON_S))
        await paused(pause)
        with pytest.raises(StoreUnavailable, match="in time"):
            await store.append(append("late"), timeout_s=0.01)
        left = asyncio.ensure_future(store.append(append("left"), timeout_s=SOON_S))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        pause.release.set()
        await first
        await store.append(append("after"), timeout_s=SOON_S)
        assert await load(store, "first") == ["hello"]
        for session in ("late", "left"):
            with pytest.raises(UnknownSession):
                await load(store, session)


async def test_a_commit_that_fails_stores_and_acknowledges_nothing(append: Append, opened: Opened) -> None:
    """Every append of the batch has failed, and the next batch works on a new connection."""
    pause = Paused(sqlite3.OperationalError("disk I/O error"))
    pause.release.set()
    async with opened(connect=pause) as store:
        results = await asyncio.gather(
            *(store.append(append(str(n)), timeout_s=SOON_S) for n in range(3)), return_exceptions=True
        )
        pause.error = None
        await store.append(append("after"), timeout_s=SOON_S)
        for n in range(3):
            with pytest.raises(UnknownSession):
                await load(store, str(n))
        assert await load(store, "after") == ["hello"]
    assert [type(result) for result in results] == [StoreUnavailable] * 3
