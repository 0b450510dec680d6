"""I: forks, and the end of the process."""

import asyncio
import atexit
import os
import signal
import threading
import time
from typing import Any

from harness.bridges.adapter import Adapter, Option
from harness.bridges.place import CRASHES, Failed, Place, told
from harness.bridges.properties.alone import OVER, Ended, Load, Note, Part, alone
from harness.bridges.properties.returned import same
from harness.bridges.property import conformance

LIMIT_S = 4.0
PENDING_S = 60.0


async def pend(name: str, note: Note) -> None:
    """Sleep far longer than anybody waits, and note the begin and the `finally`."""
    note(f"{name} began")
    try:
        await asyncio.sleep(PENDING_S)
    finally:
        # A coroutine that is only collected gets as far as this, and no clean-up that awaits gets further.
        await asyncio.sleep(0)
        note(f"{name} finally")


def call(adapter: Adapter, note: Note, name: str, value: int, **options: Any) -> None:
    """Make a call, and note its value, or what it raised."""
    began = time.monotonic()
    try:
        note(f"{name} value", str(adapter.run(same, value, **options)))
    except CRASHES as error:
        note(f"{name} value", f"none, but a crash: {told(error)}")
    except Exception as error:  # noqa: BLE001  # what it is, is noted
        note(f"{name} raised {time.monotonic() - began:.1f} s", told(error))


def forked(load: Load, note: Note) -> None:
    """Call, fork, and call in the child, then in the parent again."""
    adapter = load()
    call(adapter, note, "before", 1)
    child = os.fork()
    if child == 0:
        # Timers are not inherited.
        signal.setitimer(signal.ITIMER_REAL, 2 * LIMIT_S)
        call(adapter, note, "child", 2)
        os._exit(0)
    deadline = time.monotonic() + LIMIT_S
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            note("child stuck")
            break
        time.sleep(0.01)  # to wait for a child with a limit there is no other way before pidfd
    call(adapter, note, "after", 3)
    os._exit(0)


@conformance("I1", where="no_loop", hang_s=60.0)
def fork_is_safe(place: Place) -> None:
    """After a call and a fork, a call in the child returns its value in less than 4 s, and so does one in the parent."""
    ended = alone(forked, place.spec, limit_s=3 * LIMIT_S)
    for name, value in (("before", "1"), ("child", "2"), ("after", "3")):
        if ended.details(f"{name} value") != [value]:
            raise Failed(f"the call {name} had no value; {ended.told()}")


def left_in_flight(load: Load, note: Note) -> None:
    """Leave with a task pending, and a call in flight in a daemon thread."""
    adapter = load()
    tasks = []
    begun = threading.Event()

    async def leave() -> None:
        tasks.append(asyncio.get_running_loop().create_task(pend("task", note)))
        await asyncio.sleep(0.01)

    async def in_flight() -> None:
        begun.set()
        await pend("call", note)

    def wait() -> None:
        try:
            adapter.run(in_flight)
            note("caller", "returned")
        except BaseException as error:  # noqa: BLE001  # what it is, is noted
            note("caller", f"freed with {told(error)}")

    adapter.run(leave)
    threading.Thread(target=wait, daemon=True).start()
    begun.wait(LIMIT_S)
    time.sleep(0.1)  # so that the call is well on its way when the process leaves
    note("leaving")


@conformance("I2", where="no_loop", hang_s=60.0)
def end_is_clean(place: Place) -> None:
    """A process that ends with a task pending and a call in flight exits 0 in 4 s, silent; both `finally` ran, and the caller was freed with an error."""
    ended = alone(left_in_flight, place.spec, limit_s=LIMIT_S + 2.0)
    leaving = ended.moment("leaving")
    if leaving is None or ended.code != 0 or ended.at - leaving >= LIMIT_S:
        raise Failed(f"it did not exit 0 in {LIMIT_S} s; {ended.told()}")
    if ended.stderr:
        raise Failed(f"it was not silent; {ended.told()}")
    over = ended.moment(OVER) or 0.0
    for event in ("task finally", "call finally"):
        ran = ended.moment(event)
        if ran is None or ran > over:
            raise Failed(f"no {event} while the bridge ended; {ended.told()}")
    if not any(detail.startswith("freed with") for detail in ended.details("caller")):
        raise Failed(f"the caller was not freed; {ended.told()}")


def calls(adapter: Adapter, note: Note, name: str) -> None:
    """Call without a timeout, and with one where the adapter takes it."""
    call(adapter, note, f"{name} unbounded", 5)
    if Option.TIMEOUT in adapter.accepts:
        call(adapter, note, f"{name} bounded", 5, timeout=2.0)
    note(f"{name} ended")


def at_exit(load: Load, note: Note) -> None:
    """Call from handlers that were registered before there was a bridge, before its first call, and after it."""
    adapters: list[Adapter] = []
    atexit.register(lambda: calls(adapters[0], note, "earliest"))
    adapters.append(load())
    atexit.register(calls, adapters[0], note, "before")
    adapters[0].run(same, 1)
    atexit.register(calls, adapters[0], note, "after")


def first_at_exit(load: Load, note: Note) -> None:
    """Make the first call of the process from a handler."""
    atexit.register(calls, load(), note, "first")


def first_bounded_at_exit(load: Load, note: Note) -> None:
    """The same with a timeout."""
    adapter = load()

    def handler() -> None:
        call(adapter, note, "first", 5, timeout=2.0)
        note("first ended")

    atexit.register(handler)


def has_been_answered(part: Part, names: list[str], ended: Ended) -> None:
    """Judge the calls of a part's handlers.

    Raises:
        Failed: a call had neither its value nor a prompt error, or the process did not exit 0.
    """
    what = part.__name__.replace("_", " ")
    missing = [name for name in names if ended.moment(f"{name} ended") is None]
    if ended.code != 0 or missing:
        raise Failed(f"{what}: {ended.told()}")
    wrong = [
        f"{event} {detail}".strip()
        for event, _, detail in ended.notes
        if event.endswith("value") and detail != "5"
    ]
    if wrong or "never awaited" in ended.stderr:
        raise Failed(f"{what}: {ended.told()}")


@conformance("I3", where="no_loop", hang_s=60.0)
def calls_at_exit_are_answered(place: Place) -> None:
    """A call from an atexit handler, registered before or after the first call, or itself the first, has a value or a typed error, and the process exits 0."""
    parts: list[tuple[Part, list[str]]] = [
        (at_exit, ["earliest", "before", "after"]),
        (first_at_exit, ["first"]),
    ]
    if Option.TIMEOUT in place.adapter.accepts:
        parts.append((first_bounded_at_exit, ["first"]))
    for part, names in parts:
        has_been_answered(part, names, alone(part, place.spec, limit_s=2 * LIMIT_S))
