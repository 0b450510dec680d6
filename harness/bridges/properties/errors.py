"""B: what a coroutine raises arrives, as it was raised, whatever it is."""

import asyncio
import concurrent.futures
import functools
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from harness.bridges.adapter import Context
from harness.bridges.place import Failed, Place, told
from harness.bridges.properties.returned import same
from harness.bridges.property import conformance

EVERYWHERE = "no_loop worker on_loop portal"
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)


class Unusual(BaseException):
    """What nobody has foreseen: no Exception, and known to no library."""


def raised(place: Place, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> BaseException:
    """What a call raises, in the place's context."""

    def body() -> BaseException:
        try:
            value = place.run(function, *args)
        except BaseException as error:  # noqa: BLE001  # it is what the property wants to see
            return error
        raise Failed(f"the call returned {value!r}")

    return place.enter(body)


def is_same(got: BaseException, wanted: BaseException) -> None:
    """Fail where it is another object."""
    if got is not wanted:
        raise Failed(f"{told(got)} came instead of the same {told(wanted)}")


@conformance("B1", where=EVERYWHERE)
def runtime_error_is_not_taken_for_another(place: Place) -> None:
    """A RuntimeError raised after a suspension arrives as the same object, and the body ran once."""
    wanted, runs = RuntimeError("of the coroutine itself"), []

    async def work() -> None:
        runs.append(1)
        await asyncio.sleep(0)
        raise wanted

    got = raised(place, work)
    if len(runs) != 1:
        raise Failed(f"the coroutine ran {len(runs)} times, and {told(got)} came")
    is_same(got, wanted)


@conformance("B2", where=EVERYWHERE)
def group_arrives_whole(place: Place) -> None:
    """An ExceptionGroup with a note and a cause arrives as the same object, with the coroutine's frame."""
    wanted, cause = ExceptionGroup("two", [ValueError("one"), KeyError("other")]), OSError("the cause")
    wanted.add_note("a note")

    async def raises_a_group() -> None:
        await asyncio.sleep(0)
        raise wanted from cause

    got = raised(place, raises_a_group)
    is_same(got, wanted)
    if got.__cause__ is not cause:
        raise Failed(f"its cause is {got.__cause__!r}")
    if getattr(got, "__notes__", None) != ["a note"]:
        raise Failed("its note is lost")
    frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(got.__traceback__)]
    if raises_a_group.__name__ not in frames:
        raise Failed(f"the coroutine is not in its traceback: {', '.join(frames)}")


@conformance("B3", where=EVERYWHERE)
def cancelled_error_arrives(place: Place) -> None:
    """A CancelledError raised inside reaches the caller as one."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    got = raised(place, work)
    if not isinstance(got, CANCELLED):
        raise Failed(f"{told(got)} came instead of a CancelledError")


@conformance("B4", where=EVERYWHERE)
def base_exceptions_arrive(place: Place) -> None:
    """SystemExit, KeyboardInterrupt and another BaseException arrive as such, and the next call works."""

    async def work(error: BaseException) -> None:
        await asyncio.sleep(0)
        raise error

    wrong = []
    for wanted in (SystemExit(3), KeyboardInterrupt(), Unusual()):
        name = type(wanted).__name__
        try:
            got = raised(place, work, wanted)
            if type(got) is not type(wanted):
                wrong.append(f"{told(got)} came instead of {name}")
        except Failed as error:
            wrong.append(f"{error} instead of raising {name}")
        # Also after a wrong answer: a bridge that is dead from now on is worse than one that says something else.
        given = object()
        if place.enter(functools.partial(place.run, same, given)) is not given:
            wrong.append(f"the call after {name} returned another's value")
    if wrong:
        raise Failed("; ".join(wrong))


@conformance("B5", where=EVERYWHERE)
def returned_exception_is_a_value(place: Place) -> None:
    """An exception that is returned comes back as the result, the same object."""
    for given in (ValueError("returned"), TimeoutError("returned")):
        try:
            value = place.enter(functools.partial(place.run, same, given))
        except (ValueError, TimeoutError) as error:
            raise Failed(f"it was raised: {told(error)}") from error
        if value is not given:
            raise Failed(f"{value!r} came back")


@conformance("B6", where=EVERYWHERE)
def stop_iteration_becomes_a_runtime_error(place: Place) -> None:
    """StopIteration arrives as a RuntimeError with it as its cause; in a portal also from the sync function."""
    at_once, later = StopIteration("at the first step"), StopIteration("after a suspension")

    async def work(error: StopIteration) -> None:
        if error is later:
            await asyncio.sleep(0)
        raise error

    for wanted in (at_once, later):
        is_wrapped(raised(place, work, wanted), wanted)
    if place.context is Context.PORTAL:
        sync = StopIteration("of the sync function")
        is_wrapped(place.host(lambda: _stopped(place, sync)), sync)


async def _stopped(place: Place, error: StopIteration) -> BaseException:
    """What the portal makes of a sync function that raises it."""

    def function() -> None:
        raise error

    try:
        await place.adapter.portal(function)
    except Exception as got:  # noqa: BLE001  # it is what the property wants to see
        return got
    raise Failed("the portal returned")


def is_wrapped(got: BaseException, wanted: StopIteration) -> None:
    """Fail where it is not what PEP 479 makes of a StopIteration."""
    if type(got) is not RuntimeError or got.__cause__ is not wanted:
        raise Failed(f"{told(got)} caused by {got.__cause__!r} came, where {wanted!r} was raised")
