"""Each fault of the provider and of its link mends over TCP, beside itself or another, whichever of the two ends first."""

import asyncio
import re
from http import HTTPStatus
from typing import Any

import pytest
from felt_mending import ORDERS, made, pairs, played
from felt_wire import CLIENTS, Post, Wired, asked, named, wired

from harness.registry import needs_of

PATIENCE_S, BRIEF_S = 20.0, 0.1
ASKS_MAX = 50
UNTOLD = {"network.refused", "network.flap"}
"""The kernel refuses, and tells nobody of it: these fire where they begin only."""

CASES = [(name, plane) for plane in ("provider", "network") for name in played(plane)]


async def felt(post: Post, url: str, body: bytes, patience_s: float) -> tuple[int, bytes] | str:
    """What comes of a call, without what numbers it."""
    try:
        answer = await post(url, body, patience_s)
    except Exception as error:  # noqa: BLE001  # any client's own is one
        return named(error)
    return answer.status, re.sub(rb'("id":"chatcmpl-|"created":)\d+', rb"\1", answer.body)


async def until_fired(wire: Wired, name: str, body: bytes) -> None:
    """Ask until the fault, which is the only one left, does what it does."""
    before = wire.fired.count(name)
    async with CLIENTS["httpx"]() as post:
        for _ in range(ASKS_MAX):
            heard = await felt(post, wire.url, body, PATIENCE_S if name in UNTOLD else BRIEF_S)
            if name in UNTOLD:
                assert heard == "httpx.ConnectError"
                return
            if wire.fired.count(name) > before:
                return
    raise AssertionError(f"{name} was not there any more")


async def overlap(wire: Wired, faults: tuple[Any, Any], order: tuple[int, int], body: bytes) -> None:
    """Ask, enter both, and leave them in that order; the one that is left is met, and after both nothing is."""
    async with CLIENTS["httpx"]() as post:
        honest = await felt(post, wire.url, body, PATIENCE_S)
        held = [fault.inject(wire.rig) for fault in faults]
        for one in held:
            await one.__aenter__()
        await felt(post, wire.url, body, BRIEF_S)
        await held[order[0]].__aexit__(None, None, None)
        await until_fired(wire, faults[order[1]].name, body)
        await held[order[1]].__aexit__(None, None, None)
    await mended(wire, "httpx", body, honest)


async def mended(wire: Wired, client: str, body: bytes, honest: tuple[int, bytes] | str) -> None:
    """Hold what a new client gets to the honest answer, at once."""
    wire.fired.clear()
    async with CLIENTS[client]() as post:
        assert await felt(post, wire.url, body, PATIENCE_S) == honest
    assert not wire.fired
    assert wire.witness.in_flight == 0


@pytest.mark.parametrize(("name", "plane"), CASES)
async def test_two_overlap_and_mend_in_any_order(name: str, plane: str) -> None:
    """Whichever is left still does what it does; after both the answer is honest, for any client, and nothing fires."""
    stream = "provider_streams" in needs_of(made(name))
    async with asyncio.timeout(60), wired() as wire:
        for first, second in pairs(name, plane):
            for order in ORDERS:
                await overlap(wire, (made(first), made(second)), order, asked(stream=stream))
        async with CLIENTS["httpx"]() as post:
            honest = await felt(post, wire.url, asked(), PATIENCE_S)
        for client in CLIENTS:
            await mended(wire, client, asked(), honest)
    assert honest[0] == HTTPStatus.OK
