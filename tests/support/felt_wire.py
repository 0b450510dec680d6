"""A provider and the proxy in front of it on TCP, asked by four real clients: what each of them gets of a fault."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import httpx
import orjson
import urllib3
from httpx_aiohttp import AiohttpTransport

from harness.network import LiveNetwork
from harness.provider import ProviderServer, Script, Witness
from harness.rig import Rig
from harness.targets.real import RealClock

HEADERS = {
    "content-type": "application/json",
    "authorization": "Bearer sk-test-0123456789abcdef",
    "accept-encoding": "identity",
}
SAID = [
    {"role": "system", "content": "Answer in JSON."},
    {"role": "user", "content": "Can you write an e-mail?"},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer, as a client gives it."""

    status: int
    headers: dict[str, str]
    body: bytes


Post = Callable[[str, bytes, float], Awaitable[Got]]
"""Send a body to an address; the last argument is for how many seconds a connect, or a read, may wait."""


@asynccontextmanager
async def with_httpx(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Post]:
    """Post by httpx, with its own transport where none is given; it keeps its connections."""
    # Loading certificates for nothing would take longer than a call.
    made = transport or httpx.AsyncHTTPTransport(verify=False)
    async with httpx.AsyncClient(transport=made, trust_env=False) as client:

        async def post(url: str, body: bytes, patience_s: float) -> Got:
            answer = await client.post(url, content=body, headers=HEADERS, timeout=patience_s)
            return Got(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

        yield post


@asynccontextmanager
async def with_httpx_aiohttp() -> AsyncIterator[Post]:
    """Post by httpx over aiohttp's connections."""
    async with with_httpx(AiohttpTransport()) as post:
        yield post


@asynccontextmanager
async def with_aiohttp() -> AsyncIterator[Post]:
    """Post by aiohttp; its patience too is for each step, not for the whole."""
    async with aiohttp.ClientSession() as session:

        async def post(url: str, body: bytes, patience_s: float) -> Got:
            patience = aiohttp.ClientTimeout(total=None, sock_connect=patience_s, sock_read=patience_s)
            async with session.post(url, data=body, headers=HEADERS, timeout=patience) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Got(status=answer.status, headers=headers, body=await answer.read())

        yield post


@asynccontextmanager
async def with_urllib3() -> AsyncIterator[Post]:
    """Post by urllib3, which blocks, in a thread; it is told not to retry."""
    with urllib3.PoolManager(retries=False) as pool:

        async def post(url: str, body: bytes, patience_s: float) -> Got:
            said = {"body": body, "headers": HEADERS, "timeout": patience_s}
            answer = await asyncio.to_thread(pool.request, "POST", url, **said)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Got(status=answer.status, headers=headers, body=answer.data)

        yield post


CLIENTS: dict[str, Callable[[], Any]] = {
    "httpx": with_httpx,
    "httpx_aiohttp": with_httpx_aiohttp,
    "aiohttp": with_aiohttp,
    "urllib3": with_urllib3,
}


@dataclass
class Wired:
    """The provider behind a proxy, and what fired there."""

    url: str
    rig: Rig
    witness: Witness
    fired: list[str]
    has_fired: asyncio.Event


@asynccontextmanager
async def wired() -> AsyncIterator[Wired]:
    """A provider and a proxy on ports of their own."""
    fired, has_fired = list[str](), asyncio.Event()

    def record(fault: str, _detail: str) -> None:
        fired.append(fault)
        has_fired.set()

    witness = Witness(now=time.monotonic)
    script = Script(witness=witness, fired=record, random=Random(7))
    async with (
        ProviderServer(script, witness, fired=record) as server,
        LiveNetwork.opened(server, ["provider"], fired=record) as network,
    ):
        rig = Rig(provider=script, network=network, clock=RealClock())
        yield Wired(f"{network.provider_url}/chat/completions", rig, witness, fired, has_fired)


def asked(*, stream: bool = False) -> bytes:
    """The body of a call."""
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": SAID}
    return orjson.dumps({**body, "stream": True} if stream else body)


def named(error: BaseException) -> str:
    """An exception's class under the package that it is public in."""
    return f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
