"""Refused connections are counted, whoever opens them: by the kernel's word, and else within the process."""

import asyncio
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from harness.network import Proxy
from harness.network.live import LiveNetwork
from harness.network.refusals import refusals, told
from harness.provider import ProviderServer
from harness.rig import Window
from harness.wire import Toxic
from harness.within import connects

Ask = Callable[[str], Awaitable[object]]
TIMES = 3


async def with_requests(url: str) -> object:
    return await asyncio.to_thread(requests.post, url, json={}, timeout=(2.0, 2.0))


async def with_urllib3(url: str) -> object:
    with urllib3.PoolManager(retries=False, timeout=2.0) as pool:
        return await asyncio.to_thread(pool.request, "POST", url, json={})


async def with_httpx(url: str) -> object:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, json={})


async def with_aiohttp(url: str) -> object:
    async with aiohttp.ClientSession() as session, session.post(url, json={}) as answer:
        return answer.status


async def with_requests_that_wait(url: str) -> object:
    return await asyncio.to_thread(requests.post, url, json={})  # that is what is proved


async def with_urllib_that_waits(url: str) -> object:
    return await asyncio.to_thread(urllib.request.urlopen, url)


TIMED: dict[str, Ask] = {
    "requests": with_requests,
    "urllib3": with_urllib3,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
}
WAITING: dict[str, Ask] = {"requests": with_requests_that_wait, "urllib": with_urllib_that_waits}


def in_this_process(fired: Callable[[str, str], None]) -> Callable[[str, int], Any]:
    """Counts in this very process, where it is let in as it is in a target's."""

    @asynccontextmanager
    async def counted(fault: str, port: int) -> AsyncIterator[None]:
        inside: Any = type("Inside", (), {"fired": lambda _, detail: fired(fault, detail)})()
        with connects.RefusedConnects(port=port, timed=not told()).within(inside):
            yield

    return counted


@asynccontextmanager
async def network_of(parts: Any) -> AsyncIterator[LiveNetwork]:
    async with (
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
        LiveNetwork.opened(server, ["provider"], fired=parts.record) as network,
    ):
        yield network


async def refused(ask: Ask, network: LiveNetwork) -> None:
    """Ask so often, each time on a new connection that is refused."""
    async with network.refused("it"):
        for _ in range(TIMES):
            with pytest.raises(Exception, match=r"(?i)refused|attempts failed|connect"):
                await ask(f"{network.provider_url}/models")


@pytest.mark.parametrize("client", TIMED)
async def test_each_refused_connection_is_a_firing(parts: Any, client: str) -> None:
    """A client that opens a connection for every call, and has none that could be cut, is seen to be refused each time."""
    async with network_of(parts) as network:
        await refused(TIMED[client], network)
    assert [name for name, _ in parts.fired] == ["it"] * TIMES


@pytest.mark.parametrize("client", WAITING)
async def test_a_client_that_waits_without_a_time_is_seen_within_its_process(parts: Any, client: str) -> None:
    """The kernel does not tell of a client without timeouts; within its process each refusal is seen, once."""
    async with network_of(parts) as network:
        await refused(WAITING[client], network)
        assert parts.fired == []
        network.counted = in_this_process(parts.record)
        await refused(WAITING[client], network)
    assert [name for name, _ in parts.fired] == ["it"] * TIMES


@pytest.mark.parametrize("client", TIMED)
async def test_nothing_is_counted_twice(parts: Any, client: str) -> None:
    """Of what the kernel tells nothing is counted again within the process."""
    async with network_of(parts) as network:
        network.counted = in_this_process(parts.record)
        await refused(TIMED[client], network)
    assert len(parts.fired) == TIMES


async def test_where_no_kernel_tells_a_process_sees_those_with_a_time_too(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another system what is refused is seen within the process, with a time and without, and else not at all."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert not told()
    async with network_of(parts) as network:
        await refused(with_requests, network)
        assert parts.fired == []
        network.counted = in_this_process(parts.record)
        await refused(with_requests, network)
        await refused(with_requests_that_wait, network)
    assert len(parts.fired) == 2 * TIMES


async def test_a_connection_that_was_there_is_none_that_was_refused(parts: Any) -> None:
    """One that is cut at rest does not count when its socket goes, nor does one to another port."""
    async with network_of(parts) as network, httpx.AsyncClient(trust_env=False) as client:
        network.counted = in_this_process(parts.record)
        await client.get(f"{network.provider_url}/models")
        async with network.refused("it"):
            await client.aclose()
            async with Proxy("other", upstream=1, fired=parts.record) as other, other.refused("other"):
                with pytest.raises(requests.ConnectionError):
                    await with_requests(f"http://127.0.0.1:{other.port}/")
                with pytest.raises(requests.ConnectionError):
                    await with_requests_that_wait(f"http://127.0.0.1:{other.port}/")
    assert parts.fired == [("other", "a connection of the other link was refused")]


async def test_two_refusals_fire_both(parts: Any) -> None:
    """What is refused while two faults refuse is a firing of each."""
    async with network_of(parts) as network, network.refused("one"):
        await refused(with_requests, network)
    assert sorted(name for name, _ in parts.fired) == ["it"] * TIMES + ["one"] * TIMES


async def test_whoever_comes_by_the_other_family_is_counted(parts: Any) -> None:
    """A socket of IPv6 that reaches the loopback's IPv4 address is refused like any other."""

    def connect(port: int) -> None:
        with socket.socket(socket.AF_INET6) as one:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.settimeout(2.0)
            with pytest.raises(ConnectionRefusedError):
                one.connect(("::ffff:127.0.0.1", port))

    counted: list[None] = []
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        async with refusals(port, lambda: counted.append(None)):
            await asyncio.to_thread(connect, port)
    assert len(counted) == 1


@contextmanager
def gate(told_of: list[str], name: str) -> Iterator[None]:
    with connects.GATE.around(lambda _one, _address: told_of.append(name)):
        yield


@pytest.mark.parametrize("first", [0, 1])
def test_the_gate_mends_in_any_order(first: int) -> None:
    """Two who count, gone in either order, leave `connect` as it was; meanwhile each is told."""
    before = socket.socket.connect
    told_of: list[str] = []
    both: list[AbstractContextManager[None]] = [gate(told_of, "a"), gate(told_of, "b")]
    for one in both:
        one.__enter__()
    both[first].__exit__(None, None, None)
    with socket.socket() as one, pytest.raises(ConnectionRefusedError):
        one.connect(("127.0.0.1", _closed_port()))
    both[1 - first].__exit__(None, None, None)
    assert told_of == ["ba"[first]]
    assert socket.socket.connect is before


def _closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_who_stood_before_the_gate_later_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another who put something before `connect` meanwhile does not lose it when the gate is left."""
    seen = threading.Event()
    with connects.GATE.around(lambda _one, _address: None):
        ours = socket.socket.connect

        def another(one: socket.socket, address: Any) -> None:
            seen.set()
            ours(one, address)

        monkeypatch.setattr(socket.socket, "connect", another)
    assert socket.socket.connect is another
    with socket.socket() as one, pytest.raises(ConnectionRefusedError):
        one.connect(("127.0.0.1", _closed_port()))
    assert seen.is_set()


async def test_a_hang_fires_on_a_refusing_link_no_more(parts: Any) -> None:
    """Where one fault refuses and another hangs, the refusal is what is felt, and is what fires."""
    async with network_of(parts) as network, network.shaped("hang", Toxic(connect="hang"), Window()):
        await refused(with_requests, network)
    assert {name for name, _ in parts.fired} == {"it"}


async def test_who_gives_up_while_it_hangs_was_not_refused(parts: Any) -> None:
    """A client that was never answered, and leaves while the link refuses, is no refused connection."""
    async with network_of(parts) as network:
        client = socket.socket()
        client.setblocking(False)
        async with network.shaped("hang", Toxic(connect="hang"), Window()):
            client.connect_ex(("127.0.0.1", int(network.provider_url.split(":")[2].partition("/")[0])))
        async with network.refused("it"):
            client.close()
    assert "it" not in {name for name, _ in parts.fired}
