"""The operating system's part of a thread in a run: its private lock, taken and given by the real methods.

They are taken from the type before any hook is in place, and by a name that no hook replaces.
"""

import _queue
import _thread
from collections.abc import Callable
from typing import Any

from harness.simulation.lanes import Lane

make_lock: Callable[[], Any] = _thread.allocate_lock
LOCK_TYPE: Any = type(make_lock())
acquire: Callable[..., bool] = LOCK_TYPE.acquire
release: Callable[[Any], None] = LOCK_TYPE.release
make_rlock: Callable[[], Any] = _thread.RLock
make_queue: Callable[[], Any] = _queue.SimpleQueue
get_ident = _thread.get_ident


class SimulatedThread(Lane):
    """A real thread that runs only while it holds the baton.

    `actor` is the lane that is running in it: itself, or the task whose step it makes.
    """

    ident = 0
    doomed = False
    done = False
    ticket = 0
    """Not 0 while it waits: the number of that wait, so that an old deadline cannot end a new one."""
    timed_out = False
    waits_on: Any = None
    since = 0.0
    stayed = 0
    refused = 0
    """How often it went on although it was ended."""
    wait_for_exit: Callable[[], object] | None = None
    """Blocks, for real, until the operating system's thread is gone."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.actor: Lane = self
        self.when_done: list[Callable[[], object]] = []
        self.baton = make_lock()
        acquire(self.baton)
