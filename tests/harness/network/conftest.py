"""A proxy in front of the provider, or of a server that a test writes itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from provider_bench import parts, still_clock

from harness.network import Proxy
from harness.provider import ProviderServer

__all__ = ["parts", "still_clock"]

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Bench:
    """A proxy, and what was recorded as fired."""

    proxy: Proxy
    fired: list[tuple[str, str]]
    has_fired: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.fired]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port)
        try:
            yield reader, writer
        finally:
            writer.close()


@pytest.fixture
async def provider(parts: Any) -> AsyncIterator[Bench]:
    """A proxy in front of the provider."""
    async with (
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
        Proxy("provider", upstream=server.port, fired=parts.record) as proxy,
    ):
        yield Bench(proxy, parts.fired)


@asynccontextmanager
async def in_front_of(talk: Talk) -> AsyncIterator[Bench]:
    """A proxy in front of a server that talks so on each connection."""
    fired: list[tuple[str, str]] = []
    has_fired = asyncio.Event()

    def record(fault: str, detail: str) -> None:
        fired.append((fault, detail))
        has_fired.set()

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the proxy's doing; a test looks at the client's end
        finally:
            writer.close()

    async with asyncio.timeout(20), await asyncio.start_server(closing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Proxy("test", upstream=port, fired=record) as proxy:
            yield Bench(proxy, fired, has_fired)


async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that gives back what it gets."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@pytest.fixture
async def echo() -> AsyncIterator[Bench]:
    """A proxy in front of a server that gives back what it gets."""
    async with in_front_of(echoing) as bench:
        yield bench


@pytest.fixture
def front() -> Callable[[Talk], Any]:
    """Puts a proxy in front of a server that a test writes."""
    return in_front_of


@pytest.fixture
def echo_server() -> Talk:
    """What the server of `echo` does."""
    return echoing
