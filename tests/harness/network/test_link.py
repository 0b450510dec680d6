"""In process a link does to a call what the proxy does to a connection: the same exceptions, on the run's own clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from harness.errors import UsageError
from harness.faults import ProviderNoReply
from harness.network import LiveNetwork
from harness.provider import Link, ProviderServer, SimulatedTransport
from harness.rig import Rig, Window
from harness.targets.real import RealClock
from harness.wire import Toxic

BODY = {"messages": [{"role": "user", "content": "Hällo, wörld"}]}
ALWAYS = Window()
PATIENCE_S, BRIEF_S = 60.0, 1.0
"""For calls that must end by themselves, and for those that must not."""


@dataclass
class Door:
    """A way to the provider, and what was recorded as fired."""

    client: httpx.AsyncClient
    network: Any
    parts: Any
    has_fired: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, **briefly: float) -> httpx.Response:
        patience = httpx.Timeout(
            **{**dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE_S), **briefly}
        )
        return await self.client.post("chat/completions", json=BODY, timeout=patience)


@asynccontextmanager
async def in_process(parts: Any, clock: Any) -> AsyncIterator[Door]:
    has_fired = asyncio.Event()

    def record(fault: str, detail: str) -> None:
        parts.record(fault, detail)
        has_fired.set()

    link = Link(fired=record)
    transport = SimulatedTransport(parts.script, parts.witness, link=link, clock=clock)
    async with httpx.AsyncClient(transport=transport, base_url="http://provider.test/v1/") as client:
        yield Door(client, link, parts, has_fired)


@asynccontextmanager
async def over_tcp(parts: Any, _clock: Any) -> AsyncIterator[Door]:
    async with (
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
        LiveNetwork.opened(server, ["provider"], fired=parts.record) as network,
        httpx.AsyncClient(base_url=f"{network.provider_url}/", trust_env=False) as client,
    ):
        yield Door(client, network, parts)


@pytest.fixture(params=[in_process, over_tcp])
async def door(request: pytest.FixtureRequest, parts: Any) -> AsyncIterator[Door]:
    async with asyncio.timeout(20), request.param(parts, RealClock()) as door:
        yield door


GONE = (httpx.RemoteProtocolError, r"^Server disconnected without sending a response\.$")
SHORT = (
    httpx.RemoteProtocolError,
    r"^peer closed connection without sending complete message body \(received \d+ ",
)
RESET = (httpx.ReadError, "^$")
SILENT = (httpx.ReadTimeout, "^$")
TABLE = {
    "hang": (Toxic(connect="hang"), (httpx.ConnectTimeout, "^$")),
    "late": (Toxic(latency_ms=60_000), SILENT),
    "late_upwards": (Toxic(latency_ms=60_000, direction="up"), SILENT),
    "gaps_beyond_patience": (Toxic(chunk_bytes=1, gap_ms=60_000), SILENT),
    "fin": (Toxic(after_bytes=200), SHORT),
    "fin_in_the_head": (Toxic(after_bytes=20), GONE),
    "fin_upwards": (Toxic(after_bytes=20, direction="up"), GONE),
    "reset": (Toxic(after_bytes=200, then="reset"), RESET),
    "reset_in_the_head": (Toxic(after_bytes=20, then="reset"), RESET),
    "reset_upwards": (Toxic(after_bytes=20, then="reset", direction="up"), RESET),
    "hole": (Toxic(after_bytes=200, then="hole"), SILENT),
    "hole_in_the_head": (Toxic(after_bytes=0, then="hole"), SILENT),
    "hole_upwards": (Toxic(after_bytes=0, then="hole", direction="up"), SILENT),
    "dropped": (Toxic(drop_nth=1), GONE),
}
BRIEFLY: dict[type, dict[str, float]] = {
    httpx.ConnectTimeout: {"connect": BRIEF_S},
    httpx.ReadTimeout: {"read": BRIEF_S},
}


@pytest.mark.parametrize("what", TABLE)
async def test_both_doors_raise_the_same(door: Door, what: str) -> None:
    """A client meets the same exception with the same text in process and over a real wire; one firing, and it mends."""
    toxic, (kind, text) = TABLE[what]
    await door.ask()
    async with door.network.shaped("it", toxic, ALWAYS):
        with pytest.raises(kind, match=text) as raised:
            await door.ask(**BRIEFLY.get(kind, {}))
        assert type(raised.value) is kind
        assert [name for name, _ in door.parts.fired] == ["it"]
    assert (await door.ask()).status_code == 200
    assert door.parts.witness.in_flight == 0


@pytest.mark.parametrize(
    ("then", "expected"), [("fin", GONE), ("reset", RESET), ("hole", SILENT)], ids=["fin", "reset", "hole"]
)
async def test_a_call_in_flight_is_cut_in_its_time(door: Door, then: str, expected: Any) -> None:
    """After so many milliseconds a call that is still waiting for its answer ends, or gets none any more.

    A hole is felt by what falls into it: there the answer comes, late enough, and the client's patience lasts longer.
    """
    answered_s, briefly = (0.5, {"read": 3.0}) if then == "hole" else (60.0, {})
    rig = Rig(provider=door.parts.script, network=door.network, clock=RealClock())
    toxic = Toxic(after_ms=20, then=then)
    async with (
        ProviderNoReply(for_s=answered_s).inject(rig),
        door.network.shaped("it", toxic, ALWAYS),
    ):
        with pytest.raises(expected[0], match=expected[1]):
            await door.ask(**briefly)
    assert [name for name, _ in door.parts.fired] == ["provider.no_reply", "it"]


async def test_pieces_are_the_same_bytes(door: Door) -> None:
    """An answer that comes in pieces of one byte is the answer."""
    whole = (await door.ask()).json()["choices"]
    async with door.network.shaped("it", Toxic(chunk_bytes=1), ALWAYS):
        assert (await door.ask()).json()["choices"] == whole
    assert [name for name, _ in door.parts.fired] == ["it"]


async def test_the_second_request_is_dropped_after_it_had_its_effect(door: Door) -> None:
    """The first and the third answer come; the second call reached the provider, which answered it."""
    async with door.network.shaped("it", Toxic(drop_nth=2), ALWAYS):
        assert (await door.ask()).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await door.ask()
        assert (await door.ask()).status_code == 200
    assert [call.outcome for call in door.parts.witness.records()] == ["answered"] * 3


async def test_who_waits_in_a_hang_gets_in_when_it_ends(parts: Any, still_clock: Any) -> None:
    """On a clock that stands still nothing but the mending ends the wait, and then the call is answered."""
    async with in_process(parts, still_clock) as door:
        async with door.network.shaped("it", Toxic(connect="hang"), ALWAYS):
            asking = asyncio.ensure_future(door.ask())
            await door.has_fired.wait()
            assert not asking.done()
        assert (await asking).status_code == 200


async def test_who_waits_in_a_hole_is_reset_when_it_ends(parts: Any, still_clock: Any) -> None:
    """What was swallowed does not come again: the mending ends the call."""
    async with in_process(parts, still_clock) as door:
        async with door.network.shaped("it", Toxic(after_bytes=0, then="hole"), ALWAYS):
            asking = asyncio.ensure_future(door.ask())
            await door.has_fired.wait()
        with pytest.raises(httpx.ReadError):
            await asking
        assert len(parts.fired) == 1


async def test_a_call_that_is_over_leaves_no_timer(parts: Any) -> None:
    """A cut that was to come later goes with its call."""
    async with in_process(parts, RealClock()) as door:
        before = asyncio.all_tasks()
        async with door.network.shaped("it", Toxic(after_ms=60_000), ALWAYS):
            await door.ask()
            assert asyncio.all_tasks() == before
    assert parts.fired == []


def test_a_call_that_was_left_behind_on_a_closed_loop_holds_nothing_up(parts: Any) -> None:
    """What an app has abandoned keeps no fault from beginning and ending."""
    link = Link(fired=parts.record)
    left = ExitStack()

    async def abandon() -> None:
        left.enter_context(link.connected(clock=RealClock(), shaped=lambda _fault: None))

    async def break_and_mend() -> None:
        async with link.shaped("it", Toxic(connect="hang"), ALWAYS), link.refused("it"):
            pass

    asyncio.run(abandon())
    asyncio.run(break_and_mend())
    assert parts.fired == []


async def test_a_name_that_is_not_found(parts: Any) -> None:
    """Connecting fails with the resolver's own words, and the provider sees no call."""
    async with in_process(parts, RealClock()) as door:
        async with door.network.shaped("network.dns_failure", Toxic(connect="unresolved"), ALWAYS):
            with pytest.raises(httpx.ConnectError, match=r"^\[Errno -2\] Name or service not known$"):
                await door.ask()
        assert parts.witness.calls == 0


async def test_a_window_chooses_calls_and_the_witness_names_the_fault(parts: Any) -> None:
    """The second call alone is shaped, and the provider's record of it says by what."""
    async with in_process(parts, RealClock()) as door:
        async with door.network.shaped("it", Toxic(latency_ms=1), Window(every_k=2, first_n=3)):
            for _ in range(4):
                await door.ask()
        assert parts.fired == [("it", "call 2 over the provider link: bytes came late")]
        assert [call.fault for call in parts.witness.records()] == [None, "it", None, None]


@pytest.mark.parametrize("first", [0, 1])
async def test_two_toxics_mend_in_either_order(parts: Any, first: int) -> None:
    """Whichever goes, the other still does what it says."""
    async with in_process(parts, RealClock()) as door:
        shapings = [
            door.network.shaped("reset", Toxic(after_bytes=0, then="reset"), ALWAYS),
            door.network.shaped("drop", Toxic(after_bytes=0), ALWAYS),
        ]
        for one in shapings:
            await one.__aenter__()
        await shapings[first].__aexit__(None, None, None)
        with pytest.raises(httpx.RemoteProtocolError if first == 0 else httpx.ReadError):
            await door.ask()
        await shapings[1 - first].__aexit__(None, None, None)
        assert (await door.ask()).status_code == 200


@pytest.mark.parametrize(
    ("toxic", "link", "said"),
    [
        (Toxic(bytes_per_s=1), "provider", "bytes_per_s takes connections; play it live"),
        (Toxic(then="half", after_bytes=1), "provider", "then='half' takes connections"),
        (Toxic(idle_s=1, close_delay_ms=1), "provider", "idle_s, close_delay_ms takes connections"),
        (Toxic(latency_ms=1), "client", "there is no client link in one process"),
    ],
)
async def test_what_takes_a_wire_is_refused(parts: Any, toxic: Toxic, link: str, said: str) -> None:
    """What cannot be done without connections is refused in one line, and nothing is put there."""
    network = Link(fired=parts.record)
    with pytest.raises(UsageError, match=said):
        await network.shaped("it", toxic, ALWAYS, link=link).__aenter__()
