"""The provider behind respx, in front of an app that knows nothing of it."""

from typing import Any

import httpx
import httpx_aiohttp
import pytest
import respx

from harness.faults import ProviderNoReply
from harness.provider import Link, install
from harness.rig import Rig
from harness.targets.real import RealClock

BASE_URL = "https://api.foreign.test/openai/v1"
BODY = {"messages": [{"role": "user", "content": "Hello"}]}


class Foreign:
    """An app that makes its own client and speaks to its own provider."""

    def __init__(self, **options: Any) -> None:
        self.client = httpx.AsyncClient(**options)

    async def ask(self, patience_s: float = 60.0) -> httpx.Response:
        return await self.client.post(f"{BASE_URL}/chat/completions", json=BODY, timeout=patience_s)


@pytest.fixture
def link(parts: Any) -> Link:
    return Link(fired=parts.record)


@pytest.mark.parametrize("transport", [None, httpx_aiohttp.AiohttpTransport])
async def test_a_foreign_client_is_answered_by_the_script(parts: Any, link: Link, transport: Any) -> None:
    """A client that was made before, whatever its transport, gets the honest answer, and the witness sees it."""
    app = Foreign(transport=transport and transport())
    with respx.mock(using="httpx") as router:
        install(router, BASE_URL, parts.script, parts.witness, link=link, clock=RealClock())
        answer = await app.ask()
        missing = await app.client.get(f"{BASE_URL}/nothing")
    await app.client.aclose()
    assert answer.json()["object"] == "chat.completion"
    assert missing.status_code == 404
    assert [call.status for call in parts.witness.records()] == [200]


async def test_a_foreign_client_keeps_its_timeout(parts: Any, link: Link) -> None:
    """Respx alone switches a client's timeouts off; behind it a silent provider is still a read timeout."""
    app, clock = Foreign(), RealClock()
    rig = Rig(provider=parts.script, network=link, clock=clock)
    with respx.mock(using="httpx") as router:
        install(router, BASE_URL, parts.script, parts.witness, link=link, clock=clock)
        async with ProviderNoReply(for_s=600).inject(rig):
            with pytest.raises(httpx.ReadTimeout):
                await app.ask(patience_s=0.05)
        async with link.refused("network.refused"):
            with pytest.raises(httpx.ConnectError):
                await app.ask()
    await app.client.aclose()
    assert [call.outcome for call in parts.witness.records()] == ["aborted"]


async def test_what_respx_does_not_reach(parts: Any, link: Link) -> None:
    """The default mocker misses the aiohttp transport: the call goes out, so `using="httpx"` is what we ask for."""
    app = Foreign(transport=httpx_aiohttp.AiohttpTransport(), trust_env=False)
    with respx.mock(assert_all_called=False) as router:
        install(router, "http://127.0.0.1:1/v1", parts.script, parts.witness, link=link, clock=RealClock())
        with pytest.raises(httpx.TransportError):
            await app.client.post("http://127.0.0.1:1/v1/chat/completions", json=BODY)
    await app.client.aclose()
    assert parts.witness.calls == 0
