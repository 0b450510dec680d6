"""The network seam of a live run: proxies only where they are asked for, and refusing on whatever the target was given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from harness.errors import UsageError
from harness.network import LiveNetwork
from harness.provider import ProviderServer
from harness.rig import Window
from harness.wire import Toxic


@asynccontextmanager
async def opened(parts: Any, *links: str) -> AsyncIterator[tuple[ProviderServer, LiveNetwork]]:
    async with (
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
        LiveNetwork.opened(server, links, fired=parts.record) as network,
    ):
        yield server, network


async def test_without_links_there_is_no_proxy(parts: Any) -> None:
    """Nothing stands in between, and a fault that wants to shape is told what its class has to say."""
    async with opened(parts) as (server, network):
        assert network.provider_url == server.base_url
        with pytest.raises(UsageError, match="say link = 'provider' in the class"):
            network.shaped("network.latency", Toxic(latency_ms=1), Window())


async def test_a_link_must_exist(parts: Any) -> None:
    """A link that nobody knows is named, with those that there are."""
    with pytest.raises(UsageError, match="link moon: there is provider"):
        async with opened(parts, "provider", "moon"):
            pass


async def test_the_provider_is_reached_and_shaped_through_its_proxy(parts: Any) -> None:
    """The target is given the proxy's address, and what it meets there is the toxic's doing and is recorded."""
    async with opened(parts, "provider") as (server, network), httpx.AsyncClient(trust_env=False) as client:
        assert network.provider_url != server.base_url
        async with network.shaped("network.reset", Toxic(after_bytes=9, then="reset"), Window()):
            with pytest.raises(httpx.ReadError):
                await client.get(f"{network.provider_url}/models")
        assert (await client.get(f"{network.provider_url}/models")).status_code == 200
    assert parts.fired == [("network.reset", "connection 1 of the provider link: both ends were reset")]


@pytest.mark.parametrize("links", [(), ("provider",)])
async def test_refusing_is_refusing_with_and_without_a_proxy(parts: Any, links: tuple[str, ...]) -> None:
    """A pooled connection is cut, which whoever is then refused feels, connecting is refused, and then all is well."""
    async with opened(parts, *links) as (_, network), httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{network.provider_url}/models")).status_code == 200
        async with network.refused("network.refused"):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{network.provider_url}/models")
        assert [name for name, _ in parts.fired] == ["network.refused"]
        assert (await client.get(f"{network.provider_url}/models")).status_code == 200


@pytest.mark.parametrize("first", [0, 1])
async def test_two_refusals_mend_in_either_order(parts: Any, first: int) -> None:
    """The proxy refuses until the last of two faults is gone."""
    async with opened(parts, "provider") as (_, network), httpx.AsyncClient(trust_env=False) as client:
        both = [network.refused("network.refused"), network.refused("network.refused")]
        for one in both:
            await one.__aenter__()
        await both[first].__aexit__(None, None, None)
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{network.provider_url}/models")
        await both[1 - first].__aexit__(None, None, None)
        assert (await client.get(f"{network.provider_url}/models")).status_code == 200
