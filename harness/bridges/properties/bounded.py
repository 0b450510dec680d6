"""D: a timeout frees the caller in time, and ends what it has given up."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from harness.bridges.adapter import Option
from harness.bridges.place import Failed, Place
from harness.bridges.properties.errors import EVERYWHERE
from harness.bridges.properties.trail import Trail
from harness.bridges.property import conformance

TIMEOUT_S = 0.3
EARLY_S = 0.25
BLOCKED_S = 2.5
NESTED_S = 1.5


def freed(
    place: Place, timeout_s: float, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any
) -> tuple[float, float]:
    """When a call began and when its TimeoutError came.

    Raises:
        Failed: it returned.
    """
    began = time.monotonic()
    try:
        value = place.run(function, *args, timeout=timeout_s)
    except TimeoutError:
        return began, time.monotonic()
    raise Failed(
        f"returned {value!r} after {time.monotonic() - began:.2f} s, with a timeout of {timeout_s} s"
    )


def has_come_within(limit_s: float, times: tuple[float, float]) -> None:
    """Judge when the TimeoutError came.

    Raises:
        Failed: it came late, or before there was reason to.
    """
    took_s = times[1] - times[0]
    if not EARLY_S <= took_s < limit_s:
        raise Failed(f"the TimeoutError came after {took_s:.2f} s")


def has_ended(trail: Trail, freed_at: float, grace_s: float) -> None:
    """Judge what became of the coroutine of a call that was given up.

    Raises:
        Failed: it went on, or its `finally` ran late, twice, or not at all.
    """
    if trail.at("woke") is not None:
        raise Failed("the coroutine went on to its end")
    ended_at = trail.at("finally")
    if ended_at is None:
        raise Failed(f"its `finally` has not run; seen: {', '.join(trail.events) or 'nothing'}")
    if ended_at > freed_at + grace_s:
        raise Failed(f"its `finally` ran {ended_at - freed_at:.2f} s after the caller was free")
    if trail.events.count("began") != 1 or trail.events[-1] != "finally":
        raise Failed(f"the coroutine did this: {', '.join(trail.events)}")


@conformance("D1", where=EVERYWHERE, needs={Option.TIMEOUT})
def timeout_comes_in_time(place: Place) -> None:
    """A timeout of 0.3 s on a sleep of 3 s is a TimeoutError in less than 1 s."""
    has_come_within(1.0, place.enter(functools.partial(freed, place, TIMEOUT_S, asyncio.sleep, 3.0)))


@conformance("D2", where=EVERYWHERE, needs={Option.TIMEOUT})
def timeout_cancels(place: Place) -> None:
    """0.3 s after a timeout has freed the caller, `finally` has run, and 1.3 s later nothing more has happened."""
    trail = Trail()
    _, freed_at = place.enter(functools.partial(freed, place, TIMEOUT_S, trail.sleep, 1.2))
    place.settle(1.6)
    has_ended(trail, freed_at, 0.3)


@conformance("D3", where="no_loop worker on_loop", needs={Option.TIMEOUT})
def timeout_bounds_what_blocks(place: Place) -> None:
    """A timeout of 0.3 s on a coroutine that blocks its thread for 2.5 s is a TimeoutError in less than 0.9 s."""
    unblocked = threading.Event()

    async def block() -> None:
        unblocked.wait(BLOCKED_S)

    def body() -> tuple[float, float]:
        try:
            return freed(place, TIMEOUT_S, block)
        finally:
            unblocked.set()

    has_come_within(0.9, place.enter(body))


@conformance("D4", where=EVERYWHERE, needs={Option.TIMEOUT})
def timeout_reaches_nested_calls(place: Place) -> None:
    """An outer timeout of 0.4 s ends a call without one that was made in a worker thread: caller free in 0.9 s, inner `finally` at most 0.4 s later, nothing after."""
    trail = Trail()

    async def outer() -> None:
        await place.adapter.in_worker(functools.partial(place.run, trail.sleep, NESTED_S))

    async def warm() -> None:
        await place.adapter.in_worker(lambda: None)

    # The first worker of a process imports and starts what the timeout is not about.
    place.enter(functools.partial(place.run, warm))
    times = place.enter(functools.partial(freed, place, 0.4, outer))
    place.settle(NESTED_S + 0.5)
    has_come_within(0.9, times)
    has_ended(trail, times[1], 0.4)
