"""The synchronous facade of whichever app runs in the process, as a rehearsal calls it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from reference_app.contract import Method
from reference_app.rehearsal import NotRunning, classify, create


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """Run the app's start-up, and its shut-down when the block ends."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    for kind in ("startup", "shutdown"):
        await to_app.put({"type": f"lifespan.{kind}"})
        assert (await from_app.get())["type"] == f"lifespan.{kind}.complete"
        if kind == "startup":
            yield
    await task


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that has no provider, and writes its log nowhere."""
    monkeypatch.delenv("APP_PROVIDER_URL", raising=False)
    monkeypatch.setenv("LOG_FILE", os.devnull)
    monkeypatch.setenv("APP_STORE_URL", "sqlite:///:temporary:")


@pytest.mark.usefixtures("environment")
async def test_the_facade_is_that_of_the_app_that_runs() -> None:
    """It answers from the loop's own thread and from another; before the start-up and after the shut-down there is none."""
    app = create()
    with pytest.raises(NotRunning):
        classify("Please write an e-mail.")
    async with running(app):
        assert classify("Please write an e-mail.").method is Method.PATTERN
        assert (await asyncio.to_thread(classify, "Please write an e-mail.")).method is Method.PATTERN
    with pytest.raises(NotRunning):
        classify("Please write an e-mail.")


@pytest.mark.usefixtures("environment")
async def test_of_two_apps_it_is_the_first_as_long_as_that_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An app that begins and ends meanwhile takes nothing away from the other, and is asked nothing."""
    logs = [tmp_path / name for name in ("first", "second")]
    apps = []
    for log in logs:
        monkeypatch.setenv("LOG_FILE", str(log))
        apps.append(create())
    async with running(apps[0]):
        async with running(apps[1]):
            classify("Hello.")
        classify("Hello.")
    assert logs[0].read_text().count("intent_classification_success") == 2
    assert not logs[1].exists()
