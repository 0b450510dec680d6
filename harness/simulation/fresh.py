"""What a run finds as if its process had just begun: counters, chance, executors, the loop policy, logging's locks."""

import asyncio
import contextlib
import gc
import itertools
import logging
import random
import sys
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterator
from concurrent.futures import thread as executors
from typing import Any

from harness.simulation import clocks
from harness.simulation.locks import Lock, RLock
from harness.simulation.rebind import attribute

NODE = 0x0300_0000_0001
"""The network address that `uuid.uuid1` finds, wherever a run is played; one that is marked as made up."""


@contextlib.contextmanager
def state(seed: int) -> Iterator[None]:
    """Reset what would carry over from an earlier run, and put it back afterwards; collection is off meanwhile.

    Called by the thread that is about to be the run's first, with the scheduler in place.
    """
    policy: Any = asyncio.get_event_loop_policy()
    chance = random.getstate()
    collecting = gc.isenabled()
    gc.disable()
    undo = [attribute(owner, name, value) for owner, name, value in _values()]
    undo += [attribute(handler, "lock", RLock()) for handler in _handlers()]
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    random.seed(f"{seed}/random")
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(policy)
        random.setstate(chance)
        for put_back in reversed(undo):
            put_back()
        if collecting:
            gc.enable()


def _values() -> list[tuple[Any, str, Any]]:
    started: Any = clocks.EPOCH_S if sys.version_info < (3, 13) else int(clocks.EPOCH_S) * 10**9
    return [
        (threading, "_counter", itertools.count(1).__next__),
        (executors.ThreadPoolExecutor, "_counter", itertools.count().__next__),
        (executors, "_global_shutdown_lock", Lock()),
        (executors, "_threads_queues", weakref.WeakKeyDictionary()),
        (executors, "_shutdown", False),
        (tempfile, "_name_sequence", None),
        (uuid, "_last_timestamp", None),
        # Asked of the machine, it would be the machine's; and to ask starts a process.
        (uuid, "_node", NODE),
        (logging, "_startTime", started),
    ]


def _handlers() -> list[logging.Handler]:
    """The log handlers that there are: their locks are real, and may be held while a record is on its way."""
    references: list[Any] = logging._handlerList  # type: ignore[attr-defined]  # there is no public way to all of them
    return [handler for found in references if (handler := found()) is not None and handler.lock is not None]
