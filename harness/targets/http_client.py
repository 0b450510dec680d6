"""A client over real TCP, as the live targets have it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from harness.rig import LEFT, Incoming, Outgoing
from harness.targets.driven import ANSWER_S_MAX

_UNBOUND = httpx.Limits(max_connections=None, max_keepalive_connections=None)


class HttpClient:
    """Sends what a driver wants sent; `opened` makes one, and closes its connections at the end of the block."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._turnstile = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator["HttpClient"]:
        """A client with as many connections as are needed; no proxy of the environment stands between."""
        async with httpx.AsyncClient(timeout=ANSWER_S_MAX, limits=_UNBOUND, trust_env=False) as client:
            yield cls(client)

    async def send(
        self, base_url: str, outgoing: Outgoing, *, leave_after_s: float | None = None
    ) -> Incoming:
        """Send one request; a client that leaves closes its connection. Of an answer that breaks off, what came."""
        arrived = Incoming(status=None)
        pieces: list[bytes] = []
        # Many that begin at one instant would hold the loop up for all that time, and make us late ourselves.
        async with self._turnstile:
            await asyncio.sleep(0)
        try:
            async with (
                asyncio.timeout(leave_after_s),
                self._client.stream(
                    outgoing.method,
                    f"{base_url}{outgoing.path}",
                    headers=outgoing.headers,
                    content=outgoing.body,
                ) as answer,
            ):
                arrived = Incoming(status=answer.status_code, headers=dict(answer.headers))
                async for piece in answer.aiter_bytes():
                    pieces.append(piece)  # noqa: PERF401  # what came before it broke off counts
        except TimeoutError:
            return Incoming(status=None, error=LEFT)
        except httpx.HTTPError as error:
            arrived = replace(arrived, error=type(error).__name__)
        return replace(arrived, body=b"".join(pieces))
