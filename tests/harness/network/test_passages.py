"""The provider's calls name the faults that a proxy brought on them, and no others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from harness.faults.provider import ProviderNoReply
from harness.network.live import LiveNetwork
from harness.provider import ProviderServer
from harness.rig import Answer, Call, Reply, Rig, Window
from harness.targets.real import RealClock
from harness.wire import Passage, Pause, Toxic

ALWAYS = Window()
BODY = {"messages": [{"role": "user", "content": "Hello"}]}


class Bench:
    """A pooled client behind a proxy, and what the provider says of its calls."""

    def __init__(self, parts: Any, network: LiveNetwork, client: httpx.AsyncClient) -> None:
        self.parts = parts
        self.network = network
        self.rig = Rig(provider=parts.script, network=network, clock=RealClock())
        self._client = client

    async def ask(self, patience_s: float = 60.0) -> int | None:
        """The status of one call; None where it fails."""
        url = f"{self.network.provider_url}/chat/completions"
        try:
            return (await self._client.post(url, json=BODY, timeout=patience_s)).status_code
        except httpx.TransportError:
            return None

    @property
    def named(self) -> list[str | None]:
        return [call.fault for call in self.parts.witness.records()]

    @property
    def fired(self) -> list[str]:
        return [name for name, _ in self.parts.fired]


@pytest.fixture
async def bench(parts: Any) -> AsyncIterator[Bench]:
    async with (
        asyncio.timeout(20),
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
        LiveNetwork.opened(server, ["provider"], fired=parts.record) as network,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        yield Bench(parts, network, client)


@pytest.mark.parametrize(
    "toxic",
    [
        Toxic(latency_ms=20),
        Toxic(latency_ms=20, direction="up"),
        Toxic(bytes_per_s=20_000),
        Toxic(chunk_bytes=7),
        Toxic(chunk_bytes=100, direction="up"),
        Toxic(after_bytes=200),
        Toxic(after_bytes=200, then="reset"),
        Toxic(after_bytes=200, then="half"),
        Toxic(after_bytes=0, then="hole"),
        Toxic(drop_nth=1),
    ],
    ids=repr,
)
async def test_a_call_that_was_shaped_names_the_fault(bench: Bench, toxic: Toxic) -> None:
    """Of three calls over a pool the one between is shaped, on its way up or down, and it alone names the fault."""
    await bench.ask()
    async with bench.network.shaped("it", toxic, ALWAYS):
        await bench.ask(2.0 if toxic.then == "hole" else 60.0)
    assert await bench.ask() == 200
    assert bench.named == [None, "it", None]
    assert bench.fired == ["it"]


async def test_every_call_of_one_connection_names_the_fault(bench: Bench) -> None:
    """A connection is one firing, and each call over it that is late is named."""
    async with bench.network.shaped("it", Toxic(latency_ms=5), ALWAYS):
        assert [await bench.ask() for _ in range(3)] == [200] * 3
    assert bench.named == ["it"] * 3
    assert bench.fired == ["it"]


@pytest.mark.parametrize(
    "toxic", [Toxic(after_ms=0, then="reset"), Toxic(after_ms=0), Toxic(idle_s=1e-6)], ids=repr
)
async def test_what_ends_a_connection_at_rest_shapes_no_call(bench: Bench, toxic: Toxic) -> None:
    """An idle connection that ends is named by no call, and is a firing once another one is opened for it."""
    await bench.ask()
    async with bench.network.shaped("it", toxic, Window(first_n=1)):
        assert bench.fired == []
        for _ in range(5):
            await asyncio.sleep(0)  # turns of the loop in which the client reads the end
        assert await bench.ask() == 200
    assert bench.named == [None, None]
    assert bench.fired == ["it"]


@pytest.mark.parametrize("then", ["fin", "reset"])
async def test_what_ends_a_call_in_flight_is_named(bench: Bench, then: str) -> None:
    """A connection that is cut while the provider is still thinking is named by that call."""
    toxic = Toxic(after_ms=20, then=then)
    async with ProviderNoReply(for_s=60).inject(bench.rig), bench.network.shaped("it", toxic, ALWAYS):
        assert await bench.ask() is None
    assert bench.named == ["provider.no_reply, it"]


async def test_an_answer_that_takes_its_time_is_not_idle(bench: Bench) -> None:
    """While the provider is still thinking no connection is idle."""
    toxic = Toxic(idle_s=1e-6)
    async with ProviderNoReply(for_s=0.1).inject(bench.rig), bench.network.shaped("it", toxic, ALWAYS):
        assert await bench.ask() == 200
    assert bench.named == ["provider.no_reply"]


async def test_a_stream_that_pauses_is_not_idle(bench: Bench) -> None:
    """Between two parts of an answer no connection is idle, and what ends it there has shaped that call."""
    pauses_s = iter((0.1, 60.0))  # the second is there to be cut, on a slow machine, too

    async def slow(_call: Call, _answer: Answer) -> Reply:
        return Reply(parts=(b"one", Pause(for_s=next(pauses_s)), b"two"))

    async with bench.parts.script.wrapped("slow", slow, ALWAYS, on_wire=True):
        async with bench.network.shaped("it", Toxic(idle_s=1e-6), Window(first_n=1)):
            assert await bench.ask() == 200
        async with bench.network.shaped("it", Toxic(after_ms=50, then="reset"), ALWAYS):
            assert await bench.ask() is None
    assert bench.named == ["slow", "slow, it"]


async def test_a_refusal_names_the_call_that_it_cut(bench: Bench) -> None:
    """A call in flight that the beginning of a refusal cuts names it; one that was over does not."""
    assert await bench.ask() == 200
    async with bench.network.refused("it"):
        assert await bench.ask() is None
    bench.parts.witness.call_began.clear()
    async with ProviderNoReply(for_s=5.0).inject(bench.rig):
        asking = asyncio.ensure_future(bench.ask())
        await bench.parts.witness.call_began.wait()
        async with bench.network.refused("it"):
            assert await asking is None
    assert bench.named == [None, "it, provider.no_reply"]


async def test_a_client_that_has_left_feels_nothing(front: Any) -> None:
    """What is done to an answer for which nobody waits any more is no firing."""
    toxic, over = Toxic(after_bytes=0, then="reset"), asyncio.Event()

    async def answers_too_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        try:
            while True:
                writer.write(b"too late")
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            over.set()

    async with front(answers_too_late) as bench, bench.proxy.shaped("it", toxic, ALWAYS):
        async with bench.connected():
            pass
        await over.wait()
        assert bench.fired == []


async def test_a_rate_that_holds_nothing_up_is_no_firing(bench: Bench) -> None:
    """A link that is wide enough for what goes over it has done nothing."""
    async with bench.network.shaped("it", Toxic(bytes_per_s=2e6, direction="both"), ALWAYS):
        assert [await bench.ask() for _ in range(3)] == [200] * 3
    assert bench.fired == []
    assert bench.named == [None] * 3


def test_news_of_a_request_that_is_not_there_yet_is_kept() -> None:
    """What is done to a request on its way up is told when the server has it; each fault once for each call."""
    told: list[tuple[int, str]] = []
    passage = Passage(lambda ordinal, fault: told.append((ordinal, fault)))
    for request, ordinal in ((1, 11), (2, 12), (3, 13)):
        passage.felt(request, "up")
        passage.begun()
        passage.called(ordinal)
        passage.felt(request, "up")
        passage.felt(request, "down")
        passage.over()
    assert told == [(ordinal, fault) for ordinal in (11, 12, 13) for fault in ("up", "down")]
