"""Real HTTP clients that ask the provider over TCP, one question after the other: what a service would see of a fault."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import orjson
import urllib3
from httpx_aiohttp import AiohttpTransport

HEADERS = {
    "content-type": "application/json",
    "x-request-id": "req-1",
    "authorization": "Bearer sk-test-0123456789abcdef",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, and for how long each read may wait."""

    base_url: str
    timeout_s: float = 10.0
    stream: bool = False
    messages: tuple[str, ...] = ("Hi!",)

    @property
    def url(self) -> str:
        return f"{self.base_url}/chat/completions"

    @property
    def bodies(self) -> list[bytes]:
        return [self._body(message) for message in self.messages]

    def _body(self, message: str) -> bytes:
        said = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": message}]
        asked: dict[str, Any] = {"model": "gpt-4o-mini", "messages": said}
        return orjson.dumps({**asked, "stream": True} if self.stream else asked)


Ask = Callable[[Asked], Awaitable[list[bytes]]]


async def by_httpx(asked: Asked) -> list[bytes]:
    """Ask by httpx with its own transport."""
    return await _by(httpx.AsyncHTTPTransport(verify=False), asked)


async def by_httpx_aiohttp(asked: Asked) -> list[bytes]:
    """Ask by httpx over aiohttp's connections."""
    return await _by(AiohttpTransport(), asked)


async def _by(transport: httpx.AsyncBaseTransport, asked: Asked) -> list[bytes]:
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=asked.timeout_s) as client:
        return [
            (await client.post(asked.url, content=body, headers=HEADERS)).content for body in asked.bodies
        ]


async def by_aiohttp(asked: Asked) -> list[bytes]:
    """Ask by aiohttp; its timeout too is here one read's."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=asked.timeout_s)
    answers = []
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for body in asked.bodies:
            async with session.post(asked.url, data=body, headers=HEADERS) as answer:
                answers.append(await answer.read())
    return answers


async def by_urllib3(asked: Asked) -> list[bytes]:
    """Ask by urllib3, which blocks, in a thread of its own; it is told not to retry."""

    def ask() -> list[bytes]:
        with urllib3.PoolManager(retries=False, timeout=asked.timeout_s) as pool:
            return [pool.request("POST", asked.url, body=body, headers=HEADERS).data for body in asked.bodies]

    return await asyncio.to_thread(ask)


CLIENTS: dict[str, Ask] = {
    "httpx": by_httpx,
    "httpx_aiohttp": by_httpx_aiohttp,
    "aiohttp": by_aiohttp,
    "urllib3": by_urllib3,
}
