"""Every fault of the provider mends: alone, beside every other one whichever ends first, and when it is cancelled."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from provider_bench import Bench, heard

import harness.faults.provider_clock
import harness.faults.provider_semantics
import harness.faults.provider_streams
import harness.faults.provider_transport  # noqa: F401  # imported to be registered, as are those above
from harness.faults.provider_timing import ProviderPoolHeld
from harness.registry import FAULTS, drill_of, needs_of, stages_of
from harness.scenario import Parallel, Turn
from harness.sweep import labelled
from harness.variants import variants
from scenarios.drills.crowd import SCENARIO as CROWD

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


LATE = {
    "provider.extra_reply",  # what it sends too much is behind the answer
    *(f"provider.{name}" for name in ("no_reply", "late_reply", "pool_held", "headers_only")),
    *(f"provider.{name}" for name in ("slow_drip", "slow_first_byte", "stream_stall")),
}
"""The faults that leave an answer as it is."""


async def bytes_of(bench: Bench, *, stream: bool) -> Any:
    """An answer to the byte, without what numbers it, or the client's exception."""
    try:
        answer = await bench.ask(stream=stream, connection="close")
    except httpx.TransportError as error:
        return type(error)
    return answer.status_code, re.sub(rb'("id":"chatcmpl-|"created":)\d+', rb"\1", answer.content)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", PLAYED, ids=labelled)
async def test_what_has_fired_is_felt(bench: Bench, fault: Any, *, stream: bool) -> None:
    """Where an answer was not only late, a fault has fired exactly if other bytes came than the honest ones."""
    if quick := QUICK.get(fault.name):
        fault = type(fault)(**quick)
    honest = await bytes_of(bench, stream=stream)
    async with fault.inject(bench.rig):
        felt = await bytes_of(bench, stream=stream)
    if fault.name in LATE:
        assert felt == honest
    else:
        assert bool(bench.fired) == (felt != honest)


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


def test_a_pool_is_held_by_fewer_than_a_crowd_has() -> None:
    """As many calls as the drill has turns at once are enough, so that what is held to the end is a smaller pool."""
    (at_once,) = (step for step in CROWD.steps if isinstance(step, Parallel))
    assert ProviderPoolHeld().sockets < sum(isinstance(step, Turn) for step in at_once.steps)
