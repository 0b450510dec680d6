"""The whole app over a provider that no simulation plays: one whose bytes break the parsers of the client."""

import asyncio
from pathlib import Path

import httpx
import pytest

from harness.targets.lifespan import Lifespan
from reference_app.rehearsal import create


@pytest.mark.parametrize("route", ["/workflow/execute", "/intent/classify"])
async def test_a_provider_that_breaks_http_never_makes_a_500(
    route: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status line that the client's library cannot take is provider_error on both routes that classify."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 \xff\xff\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        monkeypatch.setenv("APP_PROVIDER_URL", address)
        monkeypatch.setenv("LOG_FILE", str(tmp_path / "app.log"))
        app = create()
        life = Lifespan(app)
        await life.start()
        try:
            wire = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=wire, base_url="http://app") as client:
                said = await client.post(route, json={"message": "Hi! How can you help me?"})
        finally:
            await life.stop()
    assert said.status_code == 200
    assert [one["reason"] for one in said.json()["fallbacks"]] == ["provider_error"] * 2
