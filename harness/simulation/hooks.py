"""The hooks of a simulation, all in one table, put in place and taken away by one context manager.

They are process-wide, so they belong into a process that does nothing else. While no run is under way, and for
threads that are not of the run, everything that they stand for works as ever.
"""

import _queue
import _thread
import contextlib
import datetime as dt
import gc
import os
import random
import selectors
import sys
import threading
import uuid
from asyncio import base_events, selector_events, unix_events
from collections.abc import Iterator
from functools import partial
from types import MethodType
from typing import Any

from harness.errors import UsageError
from harness.simulation import clocks, entropy, escapes, loop, numbered, threads
from harness.simulation.locks import Lock, RLock, signal
from harness.simulation.queues import SimpleQueue
from harness.simulation.rebind import Undo, attribute, entry, swap
from harness.simulation.scheduler import ACTIVE

VERSIONS: dict[tuple[int, int], dict[str, Any]] = {
    (3, 11): {"allocate_lock": Lock, "_set_sentinel": threads.set_sentinel},
    (3, 12): {"allocate_lock": Lock, "_set_sentinel": threads.set_sentinel},
    (3, 13): {
        "allocate_lock": partial(Lock),
        "_ThreadHandle": threads.ThreadHandle,
        "start_joinable_thread": threads.start_joinable_thread,
        "lock": Lock,
    },
}
"""What differs between the versions of CPython, as names of `_thread`. All else is the same in these."""


def check_version() -> None:
    """Refuse a CPython whose hooks nobody has read.

    Raises:
        UsageError: another minor version, another implementation, or a hook that is not there.
    """
    version = sys.version_info[:2]
    if sys.implementation.name != "cpython" or version not in VERSIONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in VERSIONS)
        raise UsageError(
            f"the simulation does not know {sys.implementation.name} {version[0]}.{version[1]}: "
            f"it runs on CPython {known}; play it in the stage live"
        )
    missing = [name for name in VERSIONS[version] if not hasattr(_thread, name)]
    if missing:
        raise UsageError(f"this CPython has no _thread.{missing[0]}: the simulation cannot hold its threads")


def twins() -> list[tuple[Any, Any]]:
    """Every object that is replaced wherever it is held, with what stands in for it, and for nothing else."""
    raw: Any = _thread
    return [
        *clocks.TWINS,
        (_thread.RLock, RLock),
        (_queue.SimpleQueue, SimpleQueue),
        (_thread.start_new_thread, threads.start_new_thread),
        (raw.start_new, partial(threads.start_new_thread)),
        (threads._excepthook, threads.excepthook),
        (os.urandom, entropy.ENTROPY.urandom),
        (os.getrandom, entropy.ENTROPY.getrandom),
        (os.cpu_count, entropy.ENTROPY.cpu_count),
        *((getattr(raw, name), twin) for name, twin in VERSIONS[sys.version_info[:2]].items()),
        *numbered.twins(),
        *escapes.twins(),
    ]


def attributes() -> list[tuple[Any, str, Any]]:
    """Every attribute that is set: the owner, the name, the value."""
    base: Any = base_events.BaseEventLoop
    selecting: Any = selector_events.BaseSelectorEventLoop
    unix: Any = unix_events.SelectorEventLoop
    generator: Any = vars(random)["_inst"]  # the one that `random.random` is a method of
    found: list[tuple[Any, str, Any]] = [
        (base, "_run_once", loop.run_once),
        (base, "call_exception_handler", loop.call_exception_handler),
        (selecting, "_make_self_pipe", loop.make_self_pipe),
        (selecting, "_close_self_pipe", loop.close_self_pipe),
        (selecting, "_write_to_self", loop.write_to_self),
        (unix, "add_signal_handler", loop.add_signal_handler),
        (unix, "remove_signal_handler", loop.remove_signal_handler),
        (selectors, "DefaultSelector", loop.default_selector),
        (threading, "_allocate_lock", signal),
        (threading.Event, "is_set", threads.is_set),
        (threading.Thread, "__init__", numbered.thread_init),
        (threading.Thread, "__hash__", numbered.thread_hash),
        (random.Random, "seed", entropy.seed),
        (random, "seed", MethodType(entropy.seed, generator)),
        (uuid, "_generate_time_safe", None),
    ]
    if hasattr(os, "process_cpu_count"):
        found.append((os, "process_cpu_count", entropy.ENTROPY.cpu_count))
    return found


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Hold the hooks in place for the block; one that is inside another does nothing.

    Raises:
        UsageError: this version of Python is unknown.
    """
    if ACTIVE.hooked:
        yield
        return
    check_version()
    pairs = twins()
    with contextlib.ExitStack() as stack:
        # Modules that are imported meanwhile hold the twins, too, and are found then.
        stack.callback(lambda: swap([(new, old) for old, new in pairs]))
        swap(pairs)
        for put_back in _set_all():
            stack.callback(put_back)
        # What is there already is not looked at again between the runs.
        gc.collect()
        gc.freeze()
        stack.callback(gc.unfreeze)
        ACTIVE.hooked = True
        stack.callback(setattr, ACTIVE, "hooked", False)
        yield


def _set_all() -> Iterator[Undo]:
    for kind, name, value in escapes.type_entries():
        yield entry(kind, name, value)
    yield entry(dt.datetime, "now", classmethod(clocks.now))
    yield entry(dt.datetime, "utcnow", classmethod(clocks.utcnow))
    for owner, name, value in attributes():
        yield attribute(owner, name, value)
