"""Each fault of the provider and of its link, on a real wire, is for each of four real clients what the table says."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from felt_table import FELT, SILENCE, UNHEARD, Answer, Row
from felt_wire import CLIENTS, Got, Post, asked, named, wired

from harness.registry import FAULTS, needs_of, stages_of
from harness.sweep import labelled
from harness.variants import variants

PATIENCE_S, BRIEF_S = 20.0, 0.15
TURNS = 5
"""So many turns of the loop it takes a client to see that a connection was closed."""

QUICK: dict[str, dict[str, Any]] = {
    "network.bandwidth": {"bytes_per_s": 20_000.0},
    "network.idle_close": {"idle_s": 1e-6},
    "network.latency": {"latency_ms": 60_000.0},
    "network.slow_close": {"idle_s": 1e-6, "close_delay_ms": 100.0},
    "network.flap": {"down_s": 3_600.0},
    "provider.pool_held": {"for_s": 30.0},
}
"""Delays that a test can afford, or that no test outlasts."""

UNFELT = {"network.dns_failure": "over TCP there would be a real resolver to touch, which no fault may"}
"""The faults that no client can feel over TCP, and why."""

PLAYED = {
    labelled(fault): fault
    for name, kind in FAULTS.items()
    if (name.startswith(("provider.", "network.")) or name == "clock.skew") and name not in UNFELT
    for fault in variants(kind)
}


def plain(answer: Got) -> Got:
    """An answer without what numbers it, so that two honest ones have the same body."""
    return replace(answer, body=re.sub(rb'("id":"chatcmpl-|"created":)\d+', rb"\1", answer.body))


def told(expected: Answer, honest: Got, felt: Got | str) -> Got | str:
    """What should have come; of headers those that tell, for the others as they came."""
    headers = dict(felt.headers) if isinstance(felt, Got) else {}
    for name, value in expected.headers.items():
        headers.pop(name, None)
        headers |= {name: value} if value is not None else {}
    return plain(Got(status=expected.status, headers=headers, body=expected.body(honest.body)))


async def meets(client: str, fault: Any, expected: Answer | Row) -> tuple[Got | str, Got | str]:
    """What a client that has asked before gets of a fault, and what it should; then it mends."""
    body = asked(stream="provider_streams" in needs_of(fault))
    brief = expected in (SILENCE, UNHEARD)
    async with wired() as wire:
        async with CLIENTS[client]() as post:
            honest = await post(wire.url, body, PATIENCE_S)
            async with fault.inject(wire.rig):
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                felt = await got(post, wire.url, body, BRIEF_S if brief else PATIENCE_S)
        assert set(wire.fired) == {fault.name}
        async with CLIENTS[client]() as post:
            after = await post(wire.url, body, PATIENCE_S)
        assert (after.status, plain(after).body) == (200, plain(honest).body)
    if isinstance(expected, Answer):
        return felt if isinstance(felt, str) else plain(felt), told(expected, honest, felt)
    return felt, expected[list(CLIENTS).index(client)]


async def got(post: Post, url: str, body: bytes, patience_s: float) -> Got | str:
    """An answer, or the name of the exception that there was instead."""
    try:
        return await post(url, body, patience_s)
    except Exception as error:  # noqa: BLE001  # which one it is, is what the table says
        return named(error)


@pytest.mark.parametrize("label", PLAYED)
async def test_a_fault_is_felt_as_each_clients_own(label: str) -> None:
    """Each client raises exactly its own exception, or gets exactly this answer, to the byte; afterwards it is honest."""
    fault: Any = replace(PLAYED[label], **QUICK.get(PLAYED[label].name, {}))
    async with asyncio.timeout(60):
        met = await asyncio.gather(*(meets(client, fault, FELT[label]) for client in CLIENTS))
    felt, expected = (dict(zip(CLIENTS, column, strict=True)) for column in zip(*met, strict=True))
    assert felt == expected


def test_every_fault_is_in_the_table() -> None:
    """A fault that is registered and not in the table is found here, and so is a row that no fault plays any more."""
    assert set(FELT) == set(PLAYED)
    not_live = {name for name, kind in FAULTS.items() if name.startswith(("provider.", "network."))}
    assert {name for name in not_live if "live" not in stages_of(FAULTS.get(name))} == set(UNFELT)
