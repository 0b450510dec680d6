"""A store on the test's own file, and turns to put into it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from reference_app.contract import Method, Turn, UserIntent, WorkflowPhase
from reference_app.sessions.protocol import Append
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

Opened = Callable[..., AbstractAsyncContextManager[SQLiteSessionStore]]


@pytest.fixture
def append() -> Callable[..., Append]:
    """Make a turn to store."""
    return made


def made(session: str = "s", sequence: int = 1, message: str = "hello", owner: str | None = None) -> Append:
    """A turn to store."""
    turn = Turn(
        sequence=sequence,
        message=message,
        response="answer",
        intent=UserIntent.GREETING,
        method=Method.PATTERN,
        request_id=f"r{sequence}",
        created_at=f"2026-01-01T00:00:0{sequence % 10}",
    )
    return Append(session=session, owner=owner, turn=turn, phase=WorkflowPhase.INITIALIZATION)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Open a store on the test's own file; keyword arguments are settings, but for the seam `connect`."""

    @asynccontextmanager
    async def open_store(*, connect: Any = None, **settings: Any) -> AsyncIterator[SQLiteSessionStore]:
        values: dict[str, Any] = {"store_url": f"sqlite:///{tmp_path}/s.db", "store_busy_s": 0.05}
        store = SQLiteSessionStore(Settings(**(values | settings)), connect=connect)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return open_store
