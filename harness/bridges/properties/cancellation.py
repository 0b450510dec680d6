"""H: whoever stops a call from outside, a signal, the host or another thread, stops its coroutine."""

import asyncio
import concurrent.futures
import contextlib
import functools
import os
import signal
import threading
import time

from harness.bridges.adapter import Option, Token
from harness.bridges.place import Failed, Place, told
from harness.bridges.properties.alone import Load, Note, alone
from harness.bridges.properties.bounded import has_ended
from harness.bridges.properties.returned import same
from harness.bridges.properties.trail import Trail
from harness.bridges.property import conformance

SIGNAL_S = 0.4
INTERRUPTED_S = 1.4
FINISHED_S = 0.5
CANCEL_S = 0.1
CANCELLED_S = 1.2
TOKEN_S = 0.5


def interrupted(load: Load, note: Note) -> None:
    """Be interrupted in the middle of a call, as by Ctrl-C, and make another call."""
    adapter = load()

    async def sleep() -> None:
        try:
            await asyncio.sleep(4.0)
        finally:
            note("finally")

    def interrupt() -> None:
        time.sleep(SIGNAL_S)  # the property is about a signal at this moment
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    note("call")
    try:
        adapter.run(sleep)
        note("free", "nothing")
    except BaseException as error:  # noqa: BLE001  # what it is, is the question
        note("free", told(error))
    time.sleep(0.7)  # what is left to run has the time that the property grants it
    note("next", str(adapter.run(same, 7)))
    os._exit(0)


@conformance("H1", where="no_loop", hang_s=60.0)
def interrupt_is_taken(place: Place) -> None:
    """SIGINT 0.4 s into a call of 4 s is a KeyboardInterrupt 1.4 s after its begin, `finally` has run 0.5 s later, and the next call works."""
    ended = alone(interrupted, place.spec, limit_s=10.0)
    called, free = ended.moment("call"), ended.moment("free")
    said = ended.details("free")
    if free is None or called is None or not said[0].startswith("KeyboardInterrupt"):
        raise Failed(f"the call ended with {said or 'no end'}; {ended.told()}")
    if free - called >= INTERRUPTED_S:
        raise Failed(f"the KeyboardInterrupt came after {free - called:.2f} s")
    finished = ended.moment("finally")
    if finished is None or finished > free + FINISHED_S:
        raise Failed(f"`finally` has not run 0.5 s after the KeyboardInterrupt; {ended.told()}")
    if ended.details("next") != ["7"]:
        raise Failed(f"the next call had no value; {ended.told()}")


@conformance("H2", where="worker portal")
def host_cancels(place: Place) -> None:
    """When the host cancels the task that awaits the sync code, the coroutine is cancelled less than 1.2 s later."""
    trail = Trail()
    begun: concurrent.futures.Future[None] = concurrent.futures.Future()
    cancelled_at: list[float] = []

    async def sleep() -> None:
        begun.set_result(None)
        await trail.sleep(2.5)

    def body() -> None:
        try:
            place.run(sleep)
        except BaseException:  # noqa: BLE001  # the coroutine is judged, whatever its caller is told
            return

    async def cancel() -> None:
        await asyncio.wrap_future(begun)
        await asyncio.sleep(CANCEL_S)
        cancelled_at.append(time.monotonic())
        place.entry.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        place.enter(body, beside=cancel)
    place.settle(CANCELLED_S + 0.1)
    if not cancelled_at:
        raise Failed(f"it ended before it was cancelled: {', '.join(trail.events)}")
    came = trail.at("cancelled")
    if came is None or not 0 <= came - cancelled_at[0] < CANCELLED_S:
        raise Failed(f"no CancelledError came; the coroutine did this: {', '.join(trail.events)}")


def stopped(place: Place, token: Token, trail: Trail) -> float:
    """When a call with a token that was, or is, cancelled frees its caller.

    Raises:
        Failed: it returned, or the error is one that anything may raise.
    """
    try:
        place.run(trail.sleep, 2.0, cancel=token)
    except BaseException as error:  # a bridge may free its caller with any, and this judges which
        if type(error).__module__ == "builtins":
            raise Failed(f"freed with {told(error)}, which says nothing of a token") from error
        return time.monotonic()
    raise Failed("returned")


@conformance("H3", where="no_loop worker portal", needs={Option.CANCEL})
def token_cancels(place: Place) -> None:
    """A token, cancelled from another thread, frees the caller typed in 0.5 s, and `finally` runs; cancelled before, the body never does."""
    trail, token = Trail(), place.adapter.token()
    cancelled_at: list[float] = []

    def cancel() -> None:
        while trail.at("began") is None:
            time.sleep(0.005)  # a trail has no event to wait for
        time.sleep(CANCEL_S)  # so that it is in the midst of the call
        cancelled_at.append(time.monotonic())
        token.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    free_at = place.enter(functools.partial(stopped, place, token, trail))
    if not cancelled_at or free_at - cancelled_at[0] >= TOKEN_S:
        raise Failed(f"free {free_at - cancelled_at[0]:.2f} s after" if cancelled_at else "free before")
    place.settle(TOKEN_S)
    has_ended(trail, free_at, TOKEN_S)
    never = Trail()
    place.enter(functools.partial(stopped, place, token, never))
    place.settle(0.1)
    if never.events:
        raise Failed(f"with a token cancelled before, the body did this: {', '.join(never.events)}")
    place.forget()
    if left := place.unawaited():
        raise Failed(left[0])
