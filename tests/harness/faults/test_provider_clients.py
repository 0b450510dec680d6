"""What real clients make of each fault of the wire, over TCP: the exceptions that a service has to be ready for."""

import time
from collections.abc import AsyncIterator
from random import Random

import aiohttp
import httpx
import pytest
import urllib3
from provider_clients import CLIENTS, Asked

from harness.faults.network import NetworkRefused
from harness.faults.provider import ProviderNoReply, ProviderTruncatedBody
from harness.faults.provider_streams import ProviderStreamCut, ProviderStreamError, ProviderStreamStall
from harness.faults.provider_timing import ProviderHeadersOnly, ProviderSlowDrip, ProviderSlowFirstByte
from harness.faults.provider_transport import ProviderExtraReply, ProviderResetMidBody
from harness.provider import ProviderServer, Script, Witness
from harness.rig import Fault, Rig
from harness.targets.real import RealClock

Row = tuple[type[Exception], type[Exception], type[Exception], type[Exception]]

TOO_SHORT: Row = (
    httpx.RemoteProtocolError,
    httpx.ReadError,
    aiohttp.ClientPayloadError,
    urllib3.exceptions.ProtocolError,
)
RESET: Row = (httpx.ReadError, *TOO_SHORT[1:])
# httpx over aiohttp passes some of aiohttp's own exceptions on: they are no `httpx.HTTPError`.
NO_HTTP: Row = (
    httpx.RemoteProtocolError,
    aiohttp.ClientResponseError,
    aiohttp.ClientResponseError,
    urllib3.exceptions.ProtocolError,
)
NOTHING: Row = (
    httpx.RemoteProtocolError,
    httpx.ConnectTimeout,
    aiohttp.ServerDisconnectedError,
    urllib3.exceptions.ProtocolError,
)
SILENCE: Row = (
    httpx.ReadTimeout,
    httpx.ReadTimeout,
    aiohttp.SocketTimeoutError,
    urllib3.exceptions.ReadTimeoutError,
)

TABLE: list[tuple[Fault, bool, Row]] = [
    (ProviderTruncatedBody(), False, TOO_SHORT),
    (ProviderTruncatedBody(), True, TOO_SHORT),
    # Only whole: where a chunk was read before the bad one, aiohttp 3.14 waits for the rest without end.
    (ProviderTruncatedBody(how="bad_chunk"), False, NO_HTTP),
    (ProviderTruncatedBody(how="empty"), False, NOTHING),
    (ProviderTruncatedBody(how="random"), False, NO_HTTP),
    (ProviderResetMidBody(), False, RESET),
    (ProviderResetMidBody(), True, RESET),
    (ProviderStreamCut(how="eof"), True, TOO_SHORT),
    (ProviderStreamCut(how="inside_utf8"), True, TOO_SHORT),
    (ProviderStreamCut(how="rst"), True, RESET),
    (ProviderNoReply(), False, SILENCE),
    (ProviderSlowFirstByte(), False, SILENCE),
    (ProviderHeadersOnly(), False, SILENCE),
    (ProviderHeadersOnly(), True, SILENCE),
    (ProviderSlowDrip(), False, SILENCE),
    (ProviderStreamStall(), True, SILENCE),
]
CELLS = [
    pytest.param(client, fault, stream, kind, id=f"{client}-{number}-{fault.name}")
    for number, (fault, stream, row) in enumerate(TABLE)
    for client, kind in zip(CLIENTS, row, strict=True)
]


class Wired:
    """A provider that listens, and what fired there."""

    def __init__(self, server: ProviderServer, script: Script, fired: list[str]) -> None:
        self.url = server.base_url
        self.rig = Rig(provider=script, network=server, clock=RealClock())
        self.fired = fired


@pytest.fixture
async def wired() -> AsyncIterator[Wired]:
    """A provider on a port of its own."""
    fired: list[str] = []

    def record(fault: str, _detail: str) -> None:
        fired.append(fault)

    witness = Witness(now=time.monotonic)
    script = Script(witness=witness, fired=record, random=Random(7))
    async with ProviderServer(script, witness, fired=record) as server:
        yield Wired(server, script, fired)


@pytest.mark.parametrize(("client", "fault", "stream", "kind"), CELLS)
async def test_a_fault_of_the_wire_is_the_clients_own_exception(
    wired: Wired, client: str, fault: Fault, stream: bool, kind: type[Exception]
) -> None:
    """Each client raises an exception of exactly this type, and gets the honest answer when the fault is over."""
    async with fault.inject(wired.rig):
        with pytest.raises(kind) as raised:
            await CLIENTS[client](Asked(base_url=wired.url, timeout_s=0.2, stream=stream))
    assert type(raised.value) is kind
    (whole,) = await CLIENTS[client](Asked(base_url=wired.url))
    assert b"confidence" in whole
    assert wired.fired == [fault.name]


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_error_in_a_stream_is_no_exception_of_any_client(wired: Wired, client: str) -> None:
    """All four take a 200 stream with an error in it for a success: to see it is the service's own work."""
    async with ProviderStreamError().inject(wired.rig):
        (said,) = await CLIENTS[client](Asked(base_url=wired.url, stream=True))
    assert b'"type":"server_error"' in said
    assert b"[DONE]" not in said


@pytest.mark.parametrize("client", CLIENTS)
async def test_httpx_takes_an_unsolicited_reply_for_the_next_answer(wired: Wired, client: str) -> None:
    """On a kept connection httpx 0.28 answers the second question with the first one's answer; the others do not."""
    asked = Asked(base_url=wired.url, messages=("the first", "the second"))
    async with ProviderExtraReply().inject(wired.rig):
        first, second = await CLIENTS[client](asked)
    assert b"the first" in first
    assert (b"the first" if client == "httpx" else b"the second") in second
    assert set(wired.fired) == {"provider.extra_reply"}


@pytest.mark.parametrize(
    ("client", "kind"),
    [
        ("httpx", httpx.ConnectError),
        ("httpx_aiohttp", httpx.ConnectTimeout),
        ("aiohttp", aiohttp.ClientConnectorError),
        ("urllib3", urllib3.exceptions.NewConnectionError),
    ],
)
async def test_a_refused_connection_is_the_clients_own_exception(
    wired: Wired, client: str, kind: type[Exception]
) -> None:
    """The wire itself refuses, and each client says so in its own words."""
    async with NetworkRefused().inject(wired.rig):
        with pytest.raises(kind) as raised:
            await CLIENTS[client](Asked(base_url=wired.url))
    assert type(raised.value) is kind
