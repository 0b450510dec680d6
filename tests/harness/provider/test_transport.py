"""In process, a client meets what the wire would have made it meet."""

import asyncio
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from harness.faults import ProviderNoReply, ProviderTruncatedBody
from harness.provider import Link, SimulatedTransport
from harness.rig import Rig
from harness.targets.real import RealClock


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_caller_that_leaves_has_aborted_its_call(bench: Any) -> None:
    """Cancelling in process and closing the connection are the same to the witness, which sees it at once."""
    async with ProviderNoReply(for_s=600).inject(bench.rig):
        asking = asyncio.ensure_future(bench.ask())
        await bench.witness.call_began.wait()
        asking.cancel()
        await asyncio.wait({asking})
        await bench.witness.call_aborted.wait()
    (call,) = bench.witness.records()
    assert (call.outcome, call.status, call.fault) == ("aborted", None, "provider.no_reply")
    assert bench.witness.in_flight == 0


async def test_silence_beyond_the_read_timeout_is_a_read_timeout(bench: Any) -> None:
    """The client's own timeout ends its call, with httpx's own exception and text, and the provider sees it leave."""
    async with ProviderNoReply(for_s=600).inject(bench.rig):
        with pytest.raises(httpx.ReadTimeout) as raised:
            await bench.ask(timeout_s=0.05)
        await bench.witness.call_aborted.wait()
    assert str(raised.value) == ""
    assert raised.value.request.url.path == "/v1/chat/completions"


async def test_the_timeout_runs_on_the_clock_of_the_run(parts: Any, still_clock: Any) -> None:
    """Where the run's time stands still no timeout comes, however late it is outside."""
    link = Link(fired=parts.record)
    transport = SimulatedTransport(parts.script, parts.witness, link=link, clock=still_clock)
    rig = Rig(provider=parts.script, network=link, clock=RealClock())
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://provider.test/v1/", timeout=1e-9) as client,
        ProviderNoReply(for_s=0.01).inject(rig),
    ):
        answer = await client.post("chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    assert answer.status_code == 200


async def test_a_refused_connection_says_what_the_wire_says(parts: Any, still_clock: Any) -> None:
    """The exception and its text are those of a real connection to a port where nothing listens."""
    link = Link(fired=parts.record)
    transport = SimulatedTransport(parts.script, parts.witness, link=link, clock=still_clock)
    async with (
        httpx.AsyncClient(trust_env=False) as real,
        httpx.AsyncClient(transport=transport) as simulated,
    ):
        async with link.refused("network.refused"):
            with pytest.raises(httpx.ConnectError) as expected:
                await real.get(f"http://127.0.0.1:{free_port()}/v1/models")
            with pytest.raises(httpx.ConnectError) as raised:
                await simulated.get("http://provider.test/v1/models")
            assert str(raised.value) == str(expected.value)
            assert len(parts.fired) == 1
        assert (await simulated.get("http://provider.test/v1/models")).status_code == 200


async def test_a_cut_connection_ends_the_call_that_it_carries(bench: Any) -> None:
    """A call in flight when the link breaks ends as a connection that the other side closed, and is witnessed so."""
    async with ProviderNoReply(for_s=600).inject(bench.rig):
        asking = asyncio.ensure_future(bench.ask())
        await bench.witness.call_began.wait()
        await asyncio.sleep(0)
        async with bench.rig.network.refused("network.refused"):
            with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected without sending"):
                await asking
    (call,) = bench.witness.records()
    assert (call.outcome, call.fault) == ("aborted", "provider.no_reply, network.refused")


async def test_a_body_that_is_too_short_is_a_protocol_error(bench: Any) -> None:
    """Both doors raise the same exception with the same text, which counts the bytes."""
    async with ProviderTruncatedBody(missing_bytes=7).inject(bench.rig):
        with pytest.raises(httpx.RemoteProtocolError, match=r"received \d+ bytes, expected \d+") as raised:
            await bench.ask()
    received, expected = (int(word) for word in str(raised.value).replace(")", "").split() if word.isdigit())
    assert expected - received == 7


def test_several_loops_use_one_transport_at_once(parts: Any) -> None:
    """An app that calls its provider from new loops in threads is served, and leaves nothing behind."""
    link = Link(fired=parts.record)
    transport = SimulatedTransport(parts.script, parts.witness, link=link, clock=RealClock())
    statuses: list[int] = []

    async def calls() -> None:
        for _ in range(20):
            request = httpx.Request("GET", "http://provider.test/v1/models")
            request.extensions = {"timeout": {"read": 10.0}}
            statuses.append((await transport.handle_async_request(request)).status_code)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    threads = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(began + 30 - time.monotonic())
    assert statuses == [200] * 80
