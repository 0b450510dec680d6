"""A: what a coroutine returns arrives, from one thread or from many."""

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from harness.bridges.place import Failed, Place
from harness.bridges.property import conformance

T = TypeVar("T")

THREADS, CALLS = 24, 8
SLEEPERS, SLEEP_S, ALL_S_MAX = 8, 0.4, 1.6
BARRIER_S = 5.0


async def same(value: T) -> T:
    """Suspend once and give back what was given."""
    await asyncio.sleep(0)
    return value


def arrives(place: Place) -> None:
    """Call once, and want exactly the argument back."""
    given = object()
    value = place.enter(lambda: place.run(same, given))
    if inspect.isawaitable(value):
        raise Failed(f"the result is an un-awaited {type(value).__name__}")
    if value is not given:
        raise Failed(f"the result is {value!r}, which is not what the coroutine returned")


@conformance("A1", where="no_loop")
def returns_without_loop(place: Place) -> None:
    """A coroutine that suspends once returns its argument to a thread without a loop."""
    arrives(place)


@conformance("A2", where="on_loop portal", refusal="on_loop")
def returns_on_loop(place: Place) -> None:
    """A coroutine that suspends once returns its argument on the thread of a running asyncio loop."""
    arrives(place)


@conformance("A3", where="worker")
def returns_in_worker(place: Place) -> None:
    """A coroutine that suspends once returns its argument to a worker thread of a running loop."""
    arrives(place)


@conformance("A4", where="worker on_loop portal", refusal="on_loop", loop="uvloop")
def returns_beside_uvloop(place: Place) -> None:
    """The same, where the running loop is uvloop's."""
    arrives(place)


def together(place: Place, number: int, work: Callable[[int], T]) -> list[T]:
    """Run `work` in so many threads at the same moment: its values, by number."""
    barrier = threading.Barrier(number)

    def body(own: int) -> T:
        try:
            barrier.wait(BARRIER_S)
        except threading.BrokenBarrierError:
            raise Failed(f"{number} threads could not be there at the same time") from None
        return work(own)

    return place.many([functools.partial(body, own) for own in range(number)])


@conformance("A5", where="no_loop worker", hang_s=15)
def each_thread_gets_its_own(place: Place) -> None:
    """24 threads, released together at the first use, make 8 calls each: every thread gets exactly its own values."""

    def work(own: int) -> list[tuple[int, int]]:
        return [place.run(same, (own, call)) for call in range(CALLS)]

    for own, values in enumerate(together(place, THREADS, work)):
        if values != [(own, call) for call in range(CALLS)]:
            raise Failed(f"thread {own} of {THREADS} got {values}")


@conformance("A6", where="no_loop worker", hang_s=15)
def threads_do_not_queue(place: Place) -> None:
    """8 threads that sleep 0.4 s in one call each are all done within 1.6 s."""

    def work(_: int) -> tuple[float, float]:
        began = time.monotonic()
        place.run(asyncio.sleep, SLEEP_S)
        return began, time.monotonic()

    times = together(place, SLEEPERS, work)
    took_s = max(ended for _, ended in times) - min(began for began, _ in times)
    if took_s >= ALL_S_MAX:
        raise Failed(f"they took {took_s:.2f} s together")
