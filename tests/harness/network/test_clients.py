"""What each of four real clients raises for what a link does to it: its own exception, from a real wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import httpx
import pytest
import urllib3
from httpx_aiohttp import AiohttpTransport

from harness.rig import Window
from harness.wire import Toxic

BODY = {"messages": [{"role": "user", "content": "Hällo"}]}
PATIENCE_S, BRIEF_S = 60.0, 1.0
"""For calls that must end by themselves, and for those that must not."""


class Ask(Protocol):
    """One call, with so much patience for the connection and for what is to be read."""

    def __call__(self, connect_s: float = PATIENCE_S, read_s: float = PATIENCE_S) -> Awaitable[Any]: ...


@asynccontextmanager
async def with_httpx(url: str, **options: Any) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(trust_env=False, **options) as client:

        def ask(connect_s: float = PATIENCE_S, read_s: float = PATIENCE_S) -> Awaitable[Any]:
            patience = httpx.Timeout(PATIENCE_S, connect=connect_s, read=read_s)
            return client.post(url, json=BODY, timeout=patience)

        yield ask


@asynccontextmanager
async def with_httpx_aiohttp(url: str) -> AsyncIterator[Ask]:
    async with with_httpx(url, transport=AiohttpTransport()) as ask:
        yield ask


@asynccontextmanager
async def with_aiohttp(url: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:

        async def ask(connect_s: float = PATIENCE_S, read_s: float = PATIENCE_S) -> None:
            patience = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=read_s)
            async with session.post(url, json=BODY, timeout=patience) as answer:
                await answer.read()

        yield ask


@asynccontextmanager
async def with_urllib3(url: str) -> AsyncIterator[Ask]:
    with urllib3.PoolManager(retries=False) as pool:

        def ask(connect_s: float = PATIENCE_S, read_s: float = PATIENCE_S) -> Awaitable[Any]:
            patience = urllib3.Timeout(connect=connect_s, read=read_s)
            return asyncio.to_thread(pool.request, "POST", url, json=BODY, timeout=patience)

        yield ask


CLIENTS = {
    "httpx": with_httpx,
    "httpx_aiohttp": with_httpx_aiohttp,
    "aiohttp": with_aiohttp,
    "urllib3": with_urllib3,
}
SHORT = (
    "httpx.RemoteProtocolError",
    "httpx.ReadError",
    "aiohttp.ClientPayloadError",
    "urllib3.ProtocolError",
)
GONE = (
    "httpx.RemoteProtocolError",
    "httpx.ConnectTimeout",  # httpx_aiohttp's name for it
    "aiohttp.ServerDisconnectedError",
    "urllib3.ProtocolError",
)
RESET = ("httpx.ReadError", "httpx.ReadError", "aiohttp.ClientPayloadError", "urllib3.ProtocolError")
RESET_BEFORE = ("httpx.ReadError", "httpx.ConnectTimeout", "aiohttp.ClientOSError", "urllib3.ProtocolError")
SILENT = (
    "httpx.ReadTimeout",
    "httpx.ReadTimeout",
    "aiohttp.SocketTimeoutError",
    "urllib3.ReadTimeoutError",
)
UNHEARD = (
    "httpx.ConnectTimeout",
    "httpx.ConnectTimeout",
    "aiohttp.ConnectionTimeoutError",
    "urllib3.ConnectTimeoutError",
)
RAISED = {
    "fin_in_the_body": (Toxic(after_bytes=200), SHORT),
    "fin_at_once": (Toxic(after_bytes=0), GONE),
    "half_in_the_body": (Toxic(after_bytes=200, then="half"), SHORT),
    "half_upwards": (Toxic(after_bytes=0, then="half", direction="up"), GONE),
    "reset_in_the_body": (Toxic(after_bytes=200, then="reset"), RESET),
    "reset_at_once": (Toxic(after_bytes=0, then="reset"), RESET_BEFORE),
    "reset_upwards": (Toxic(after_bytes=0, then="reset", direction="up"), RESET_BEFORE),
    "hole": (Toxic(after_bytes=0, then="hole"), SILENT),
    "hole_upwards": (Toxic(after_bytes=0, then="hole", direction="up"), SILENT),
    "hole_in_the_body": (Toxic(after_bytes=200, then="hole"), SILENT),
    "latency_beyond_patience": (Toxic(latency_ms=60_000), SILENT),
    "answer_dropped": (Toxic(drop_nth=1), GONE),
    "idle_reset": (Toxic(idle_s=1e-6, then="reset"), RESET_BEFORE),
    "idle_close_that_comes_late": (Toxic(idle_s=1e-6, close_delay_ms=50), GONE),
    "hang": (Toxic(connect="hang"), UNHEARD),
}
BRIEFLY = {SILENT: {"read_s": BRIEF_S}, UNHEARD: {"connect_s": BRIEF_S}}


def named(error: BaseException) -> str:
    """The public name of an exception's class."""
    return f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("what", RAISED)
async def test_a_client_meets_its_own_exception(provider: Any, client: str, what: str) -> None:
    """A pooled client raises what its library raises for a real fault of the wire, the fault has fired, and it mends."""
    toxic, expected = RAISED[what]
    url = f"http://127.0.0.1:{provider.proxy.port}/v1/chat/completions"
    async with asyncio.timeout(20), CLIENTS[client](url) as ask:
        await ask()
        async with provider.proxy.shaped("it", toxic, Window()):
            with pytest.raises(Exception) as raised:  # noqa: PT011  # which one is what the table says
                await ask(**BRIEFLY.get(expected, {}))
            assert named(raised.value) == expected[list(CLIENTS).index(client)]
        assert set(provider.names) == {"it"}
        await ask()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "toxic",
    [
        Toxic(latency_ms=20, jitter_ms=5),
        Toxic(bytes_per_s=20_000),
        Toxic(chunk_bytes=7),
        Toxic(latency_ms=20, bytes_per_s=20_000, chunk_bytes=7, direction="both"),
    ],
)
async def test_what_loses_nothing_is_answered(provider: Any, client: str, toxic: Toxic) -> None:
    """Delay, a narrow link and slices lose no answer, and have fired, once for their connection."""
    url = f"http://127.0.0.1:{provider.proxy.port}/v1/chat/completions"
    async with asyncio.timeout(20), CLIENTS[client](url) as ask:
        await ask()
        async with provider.proxy.shaped("it", toxic, Window()):
            await ask()
        assert provider.names == ["it"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_idle_connection_that_is_closed_in_order_is_not_used_again(
    provider: Any, client: str
) -> None:
    """A client that has had the time to see the close opens another connection, and nothing is lost."""
    url = f"http://127.0.0.1:{provider.proxy.port}/v1/chat/completions"
    async with asyncio.timeout(20), CLIENTS[client](url) as ask:
        await ask()
        async with provider.proxy.shaped("it", Toxic(idle_s=1e-6), Window(first_n=1)):
            for _ in range(5):
                await asyncio.sleep(0)  # turns of the loop in which the client reads the end
            await ask()
        assert provider.names == ["it"]
