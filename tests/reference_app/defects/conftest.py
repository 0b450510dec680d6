"""The app with defects in it, over ASGI, with a healthy provider and a log that can be read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from damage_bench import Provider, Started

from reference_app.rehearsal import create


@pytest.fixture
def provider() -> Provider:
    """A healthy provider."""
    return Provider()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the app logs, as the plan's lines."""
    monkeypatch.setenv("LOG_FORMAT", "console")
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "app.log"))
    monkeypatch.setenv("APP_STORE_URL", f"sqlite:///{tmp_path}/sessions.db")
    monkeypatch.setenv("APP_PROVIDER_URL", "http://provider.invalid/v1")
    return tmp_path / "app.log"


@pytest.fixture
def started(provider: Provider, log: Path) -> Started:
    """Starts the app with defects, and gives a client of it."""

    @asynccontextmanager
    async def start(*defects: str) -> AsyncIterator[httpx.AsyncClient]:
        app = create(defects=defects, transport=provider)
        to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        life = asyncio.ensure_future(app({"type": "lifespan"}, to_app.get, from_app.put))
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client
        await to_app.put({"type": "lifespan.shutdown"})
        await life

    return start
