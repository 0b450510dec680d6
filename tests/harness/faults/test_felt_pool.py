"""A provider that holds every connection of a small pool is felt as each client's own timeout of its pool."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import urllib3
from felt_wire import HEADERS, asked, named, wired
from httpx_aiohttp import AiohttpTransport

from harness.faults import ProviderPoolHeld

BRIEF_S, PATIENCE_S = 0.1, 20.0
LIMITS = httpx.Limits(max_connections=1)
Call = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def by_httpx(url: str, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Call]:
    """One connection, for which a call waits briefly; for its answer it is patient."""
    made = transport or httpx.AsyncHTTPTransport(verify=False, limits=LIMITS)
    patience = httpx.Timeout(PATIENCE_S, pool=BRIEF_S)
    async with httpx.AsyncClient(transport=made, trust_env=False, timeout=patience) as client:
        yield lambda: client.post(url, content=asked(), headers=HEADERS)


def by_httpx_aiohttp(url: str) -> AbstractAsyncContextManager[Call]:
    """The same over aiohttp."""
    return by_httpx(url, AiohttpTransport(limits=LIMITS))


@asynccontextmanager
async def by_aiohttp(url: str) -> AsyncIterator[Call]:
    """The same; aiohttp's `connect` is the wait for the pool, too."""
    patience = aiohttp.ClientTimeout(total=None, connect=BRIEF_S, sock_read=PATIENCE_S)
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector, timeout=patience) as session:

        async def call() -> bytes:
            async with session.post(url, data=asked(), headers=HEADERS) as answer:
                return await answer.read()

        yield call


@asynccontextmanager
async def by_urllib3(url: str) -> AsyncIterator[Call]:
    """The same, in threads."""
    with urllib3.PoolManager(maxsize=1, block=True, retries=False) as pool:
        said: dict[str, Any] = {"body": asked(), "headers": HEADERS, "pool_timeout": BRIEF_S}
        yield lambda: asyncio.to_thread(pool.request, "POST", url, timeout=PATIENCE_S, **said)


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (by_httpx, "httpx.PoolTimeout"),
        (by_httpx_aiohttp, "httpx.ConnectTimeout"),
        (by_aiohttp, "aiohttp.ConnectionTimeoutError"),
        (by_urllib3, "urllib3.EmptyPoolError"),
    ],
)
async def test_a_pool_that_is_held_is_the_clients_own_timeout(client: Any, name: str) -> None:
    """The call that has the connection is held, the next one waits for the pool; what was held is answered at the end."""
    async with asyncio.timeout(60), wired() as wire, client(wire.url) as call:
        async with ProviderPoolHeld(sockets=2, for_s=PATIENCE_S).inject(wire.rig):
            first = asyncio.ensure_future(call())
            await wire.has_fired.wait()
            with pytest.raises(Exception) as raised:  # noqa: PT011  # which one is what is asked
                await call()
            assert named(raised.value) == name
        await first
        await call()
    assert wire.fired == ["provider.pool_held"]
