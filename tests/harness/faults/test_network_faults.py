"""The link to the provider, behind both doors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from harness.errors import InvalidRun, UsageError
from harness.faults import NetworkRefused, ProviderRateLimited
from harness.faults.network import NetworkFlap
from harness.faults.network_bytes import NetworkBandwidth, NetworkLatency, NetworkSlicer
from harness.faults.network_connect import NetworkConnectHang, NetworkDnsFailure
from harness.faults.network_ends import (
    NetworkBlackHole,
    NetworkDropResponse,
    NetworkHalfClose,
    NetworkIdleClose,
    NetworkLimitData,
    NetworkReset,
    NetworkSlowClose,
)
from harness.network import LiveNetwork
from harness.provider import ProviderServer
from harness.registry import stages_of
from harness.rig import Rig, Window
from harness.targets.real import RealClock


async def test_a_refused_link_fires_is_recorded_and_mends(bench: Any) -> None:
    """The client cannot connect, the provider sees no call, and afterwards the same address answers."""
    assert (await bench.ask()).status_code == 200
    async with NetworkRefused().inject(bench.rig):
        with pytest.raises(httpx.ConnectError, match="All connection attempts failed"):
            await bench.ask()
        assert bench.witness.calls == 1
        assert [name for name, _ in bench.fired] == ["network.refused"]
    assert (await bench.ask()).status_code == 200


@pytest.mark.parametrize("first", [0, 1])
async def test_two_refusals_mend_in_either_order(bench: Any, first: int) -> None:
    """The link refuses until the last of two faults is gone."""
    both = [NetworkRefused().inject(bench.rig), NetworkRefused().inject(bench.rig)]
    for one in both:
        await one.__aenter__()
    await both[first].__aexit__(None, None, None)
    with pytest.raises(httpx.ConnectError):
        await bench.ask()
    await both[1 - first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == 200


@pytest.mark.parametrize("first", [0, 1])
async def test_faults_of_two_planes_mend_in_either_order(bench: Any, first: int) -> None:
    """A refused link hides the provider's fault, and neither's end ends the other."""
    both = [NetworkRefused().inject(bench.rig), ProviderRateLimited().inject(bench.rig)]
    for one in both:
        await one.__aenter__()
    with pytest.raises(httpx.ConnectError):
        await bench.ask()
    await both[first].__aexit__(None, None, None)
    if first == 0:
        assert (await bench.ask()).status_code == 429
    else:
        with pytest.raises(httpx.ConnectError):
            await bench.ask()
    await both[1 - first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == 200


PATIENCE_S, BRIEF_S = 60.0, 1.0
"""For calls that must end by themselves, and for those that must not."""

SILENT = {NetworkConnectHang, NetworkBlackHole}
SURVIVED = {NetworkLatency, NetworkBandwidth, NetworkSlicer}
SHAPING = (
    NetworkLatency(),
    NetworkBandwidth(),
    NetworkSlicer(),
    NetworkConnectHang(),
    NetworkDnsFailure(),
    NetworkLimitData(),
    NetworkReset(),
    NetworkBlackHole(),
    NetworkBlackHole(direction="up"),
    NetworkHalfClose(),
    NetworkHalfClose(direction="up"),
    NetworkIdleClose(idle_s=1e-6),
    NetworkSlowClose(idle_s=1e-6),
    NetworkDropResponse(),
)


@asynccontextmanager
async def behind_a_proxy(bench: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Rig]]:
    """The client and the rig of the bench; over TCP there is a proxy in front of its provider."""
    if bench.door == "in_process":
        yield bench.client, bench.rig
        return
    server: ProviderServer = bench.rig.network
    async with LiveNetwork.opened(
        server, ["provider"], fired=lambda fault, detail: bench.fired.append((fault, detail))
    ) as network:
        rig = Rig(provider=bench.script, network=network, clock=RealClock())
        async with httpx.AsyncClient(base_url=f"{network.provider_url}/", trust_env=False) as client:
            yield client, rig


async def asked(client: httpx.AsyncClient, patience_s: float = PATIENCE_S) -> int:
    """The status of one call."""
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    return (await client.post("chat/completions", json=body, timeout=patience_s)).status_code


@pytest.mark.parametrize("fault", SHAPING, ids=repr)
async def test_a_pooled_client_meets_each_fault_as_it_is_by_default(bench: Any, fault: Any) -> None:
    """In each stage that can carry it the fault fires on the first call of a client with a pool, and mends."""
    stage = "simulated" if bench.door == "in_process" else "live"
    async with asyncio.timeout(20), behind_a_proxy(bench) as (client, rig):
        assert await asked(client) == 200
        if stage not in stages_of(fault):
            with pytest.raises(UsageError, match=r"play it (live|simulated)"):
                await fault.inject(rig).__aenter__()
            return
        async with fault.inject(rig):
            if type(fault) in SURVIVED:
                assert await asked(client) == 200
            else:
                with pytest.raises(httpx.TransportError):
                    await asked(client, BRIEF_S if type(fault) in SILENT else PATIENCE_S)
        assert [name for name, _ in bench.fired][:1] == [fault.name]
        assert await asked(client) == 200


class SteppedClock:
    """A clock whose sleepers wake one by one, when a test says so."""

    def __init__(self) -> None:
        self._steps = asyncio.Semaphore(0)
        self.step = self._steps.release

    async def sleep(self, _seconds: float) -> None:
        await self._steps.acquire()


class Told:
    """A network that only refuses, and tells how often it is down and up again."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.refusals = 0
        self.down = asyncio.Event()
        self.up = asyncio.Event()

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        self.refusals += 1
        async with self._network.refused(fault):
            self.up.clear()
            self.down.set()
            yield
        self.down.clear()
        self.up.set()


async def test_flapping_refuses_again_and_again(bench: Any) -> None:
    """Each time that the link goes down it cuts or refuses; between, and afterwards, it is whole."""
    network: Any = Told(bench.rig.network)
    clock: Any = SteppedClock()
    rig = Rig(provider=bench.script, network=network, clock=clock)
    async with asyncio.timeout(20), NetworkFlap(cycles=1000).inject(rig):
        for _ in range(3):
            await network.down.wait()
            with pytest.raises(httpx.TransportError):
                await bench.ask()
            clock.step()
            await network.up.wait()
            assert (await bench.ask()).status_code == 200
            clock.step()
    assert (await bench.ask()).status_code == 200
    assert {name for name, _ in bench.fired} == {"network.flap"}


async def test_flapping_ends_when_its_cycles_are_over(bench: Any) -> None:
    """After the last cycle the link stays whole, though the fault is still armed."""
    network: Any = Told(bench.rig.network)
    rig = Rig(provider=bench.script, network=network, clock=RealClock())
    async with NetworkFlap(down_s=0.001, up_s=0.001, cycles=3).inject(rig):
        while network.refusals < 3 or network.down.is_set():
            await network.up.wait()
            network.up.clear()
        for _ in range(5):
            assert (await bench.ask()).status_code == 200
    assert network.refusals == 3


async def test_a_flap_that_ends_while_it_mends_has_mended(bench: Any) -> None:
    """Mending that has begun is not given up half-way when the fault itself ends."""
    began, may_end, mended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow:
        """A network that takes its time to mend."""

        @asynccontextmanager
        async def refused(self, fault: str) -> AsyncIterator[None]:
            yield
            began.set()
            await may_end.wait()
            mended.set()

    network: Any = Slow()
    clock: Any = SteppedClock()
    async with asyncio.timeout(20):
        async with NetworkFlap().inject(Rig(provider=bench.script, network=network, clock=clock)):
            clock.step()
            await began.wait()
            asyncio.get_running_loop().call_soon(may_end.set)
        assert mended.is_set()


async def test_a_flap_that_cannot_mend_says_so(bench: Any) -> None:
    """What goes wrong while the link goes up and down comes out where the fault ends."""

    class Broken:
        """The network of a run that cannot be trusted."""

        @asynccontextmanager
        async def refused(self, fault: str) -> AsyncIterator[None]:
            yield
            raise InvalidRun("it does not accept again")

    network: Any = Broken()
    rig = Rig(provider=bench.script, network=network, clock=RealClock())
    with pytest.raises(InvalidRun):
        async with NetworkFlap().inject(rig):
            pass


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (NetworkFlap, {"down_s": 0}, "at least 0.001"),
        (NetworkFlap, {"cycles": 0}, "at least 1"),
        (NetworkFlap, {"window": Window(p=0.5)}, "at_s and for_s"),
        (NetworkConnectHang, {"window": Window(first_n=1)}, "at_s and for_s"),
        (NetworkLatency, {"latency_ms": -1}, "latency_ms=-1: must be finite and at least 0"),
        (NetworkLatency, {"direction": "left"}, "one of up, down, both"),
        (NetworkLatency, {"window": Window(level="structured")}, "leave level out"),
        (NetworkSlicer, {"chunk_bytes": 0}, "above 0"),
        (NetworkBandwidth, {"bytes_per_s": 0}, "above 0"),
        (NetworkReset, {"after_bytes": None}, "after_bytes or after_ms must say when"),
        (NetworkIdleClose, {"how": "half"}, "'reset', 'fin'"),
        (NetworkDropResponse, {"nth": 0}, "at least 1"),
    ],
)
def test_a_knob_that_no_link_could_have_is_refused(kind: type, knobs: dict[str, Any], remedy: str) -> None:
    """A fault that could never do what was asked is refused when it is made."""
    with pytest.raises(UsageError, match=remedy):
        kind(**knobs)


def test_a_link_fault_takes_times_in_its_window() -> None:
    """Every fault of a link may be armed by steps and by seconds."""
    window = Window(from_step=1, until_step=2, at_s=0.5, for_s=1.0)
    assert NetworkRefused(window=window).window == NetworkConnectHang(window=window).window == window
