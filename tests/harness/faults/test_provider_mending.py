"""Every fault of the provider mends: alone, beside every other one whichever ends first, and when it is cancelled."""

import asyncio
from typing import Any

import httpx
import pytest
from provider_bench import Bench, heard

import harness.faults.provider_clock
import harness.faults.provider_semantics
import harness.faults.provider_streams
import harness.faults.provider_timing
import harness.faults.provider_transport  # noqa: F401  # imported to be registered, as are those above
from harness.registry import FAULTS, drill_of, needs_of, stages_of
from harness.sweep import labelled
from harness.variants import variants

QUICK: dict[str, dict[str, Any]] = {
    "provider.no_reply": {"for_s": 0.002},
    "provider.slow_first_byte": {"delay_s": 0.002},
    "provider.slow_drip": {"interval_s": 0.001, "chunk_bytes": 256},
    "provider.headers_only": {"for_s": 0.002},
    "provider.late_reply": {"timeout_s": 0.001, "late_s": 0.001},
    "provider.pool_held": {"for_s": 0.002},
    "provider.stream_stall": {"for_s": 0.002},
    "provider.huge_body": {"size_bytes": 10_000},
}
KINDS = {name: kind for name, kind in FAULTS.items() if name.startswith("provider.") or name == "clock.skew"}
PLAYED = [fault for kind in KINDS.values() for fault in variants(kind)]


def made(name: str) -> Any:
    """The fault, with delays that a test can afford."""
    kind: Any = KINDS[name]
    return kind(**QUICK.get(name, {}))


async def said(bench: Bench, *, stream: bool) -> Any:
    """What is heard of the provider, or the client's exception; each on a connection of its own."""
    try:
        return heard(await bench.ask(stream=stream, connection="close"))
    except (httpx.TransportError, ValueError, LookupError) as error:
        return type(error)


@pytest.mark.parametrize("fault", PLAYED, ids=labelled)
async def test_every_form_of_every_fault_fires_and_mends(bench: Bench, fault: Any) -> None:
    """As a sweep plays it, but for its delays: one call fires it, both accounts name it, and the next is honest."""
    if quick := QUICK.get(fault.name):
        fault = type(fault)(**quick)
    stream = "provider_streams" in needs_of(fault)
    honest = await said(bench, stream=stream)
    async with fault.inject(bench.rig):
        await said(bench, stream=stream)
    assert await said(bench, stream=stream) == honest
    assert [name for name, _ in bench.fired] == [fault.name]
    assert [call.fault for call in bench.witness.records()] == [None, fault.name, None]


@pytest.mark.parametrize("first", KINDS)
async def test_two_faults_mend_in_either_order(bench: Bench, first: str) -> None:
    """Whichever of two goes first leaves the other as it was, and after both the answer is the honest one."""
    honest = {stream: await said(bench, stream=stream) for stream in (False, True)}
    for second in list(KINDS)[list(KINDS).index(first) + 1 :]:
        stream = any("provider_streams" in needs_of(KINDS[name]()) for name in (first, second))
        for gone, stays in ((0, 1), (1, 0)):
            names = (first, second)
            open_ones = [made(name).inject(bench.rig) for name in names]
            for one in open_ones:
                await one.__aenter__()
            await open_ones[gone].__aexit__(None, None, None)
            await said(bench, stream=stream)
            shaped = bench.witness.records()[-1].fault
            await open_ones[stays].__aexit__(None, None, None)
            assert shaped in (names[stays], None), names
            # Of a stream that was asked for, one that repeats whole answers has none to repeat.
            assert shaped or (stream and names[stays] == "provider.extra_reply"), names
            assert await said(bench, stream=stream) == honest[stream], names
            assert bench.witness.records()[-1].fault is None


@pytest.mark.parametrize("name", KINDS)
async def test_a_fault_that_is_cancelled_mends(bench: Bench, name: str) -> None:
    """A body that is cancelled while the fault is open, with a call in its hands, leaves an honest provider behind."""
    stream = "provider_streams" in needs_of(KINDS[name]())
    fault: Any = KINDS[name]()
    honest = await said(bench, stream=stream)
    bench.witness.call_began.clear()

    async def broken() -> None:
        async with fault.inject(bench.rig):
            await said(bench, stream=stream)
            await asyncio.Event().wait()

    task = asyncio.create_task(broken())
    await bench.witness.call_began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await said(bench, stream=stream) == honest


def test_what_a_sweep_needs_to_know_of_each_is_said() -> None:
    """Streams are needed by those that break streams; a second reply and a pool need a wire, and the pool a crowd."""
    streams = {name for name, kind in KINDS.items() if "provider_streams" in needs_of(kind())}
    assert streams == {"provider.stream_cut", "provider.stream_stall", "provider.stream_error"}
    live_only = {name for name, kind in KINDS.items() if stages_of(kind) == ("live",)}
    assert live_only == {"provider.extra_reply", "provider.pool_held"}
    assert {name for name, kind in KINDS.items() if drill_of(kind()) == "crowd"} == {"provider.pool_held"}
    assert all("provider" in needs_of(kind()) for kind in KINDS.values())
