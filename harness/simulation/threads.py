"""Threads: how one starts, ends and is joined in a run. What CPython calls for that differs between its versions.

Up to 3.12 a `Thread` is joined by a lock that the interpreter frees when the thread is gone (`_set_sentinel`); from 3.13
on by a handle. Both become ours: "ended" is set by us, before the baton moves on.
"""

import _thread
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.simulation.baton import SimulatedThread, acquire
from harness.simulation.endings import ThreadEnded
from harness.simulation.locks import Lock
from harness.simulation.scheduler import Scheduler, here
from harness.simulation.waiting import Waited

HANDLES = sys.version_info >= (3, 13)
_raw: Any = _thread
_start: Callable[..., int] = _thread.start_new_thread
_sentinel: Callable[[], Any] = getattr(_raw, "_set_sentinel", _thread.allocate_lock)
_Handle: Callable[[], Any] = getattr(_raw, "_ThreadHandle", object)
_start_joinable: Callable[..., Any] = getattr(_raw, "start_joinable_thread", _start)


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
) -> int:
    """Start a thread: of the run where the caller is one, else a real one."""
    scheduler = here()
    if scheduler is None:
        return _start(function, args, dict(kwargs or {}))
    return _begin(scheduler, scheduler.spawned(), lambda: function(*args, **(kwargs or {})))


def _begin(scheduler: Scheduler, thread: SimulatedThread, work: Callable[[], object]) -> int:
    """Start the operating system's thread, and let it be chosen from now on."""
    try:
        if HANDLES:
            handle = _Handle()
            _start_joinable(lambda: _live(scheduler, thread, work), handle=handle, daemon=True)
            thread.wait_for_exit = handle.join
            thread.ident = handle.ident
        else:
            thread.ident = _start(_live, (scheduler, thread, work))
    except RuntimeError:
        scheduler.threads.remove(thread)
        raise
    scheduler.ready.append(thread)
    return thread.ident


def _live(scheduler: Scheduler, thread: SimulatedThread, work: Callable[[], object]) -> None:
    """The life of a thread; it was ended where it raises `ThreadEnded`."""
    if not HANDLES:
        gone = _sentinel()
        acquire(gone)
        thread.wait_for_exit = lambda: acquire(gone)
    scheduler.begin(thread)
    try:
        if not thread.doomed:
            work()
    except ThreadEnded:
        pass
    finally:
        scheduler.finish(thread)


def set_sentinel() -> Any:
    """Up to 3.12: the lock that a thread's joiners wait for, freed at its end."""
    scheduler = here()
    if scheduler is None:
        return _sentinel()
    sentinel = Lock()
    scheduler.current.when_done.append(lambda: sentinel.release() if sentinel.locked() else None)
    return sentinel


class ThreadHandle(Waited):
    """From 3.13 on: what a thread's joiners wait for; where a foreign thread makes one, it is given a real one."""

    __slots__ = ("_done", "_thread", "ident")

    def __new__(cls) -> Any:
        """A handle for whoever asks."""
        return super().__new__(cls) if here() is not None else _Handle()

    def __init__(self) -> None:
        super().__init__()
        self.ident = 0
        self._done = False
        self._thread: SimulatedThread | None = None

    def start(self, scheduler: Scheduler, function: Callable[[], object]) -> None:
        """Start the thread that this is the handle of."""
        self._thread = thread = scheduler.spawned()
        thread.when_done.append(lambda: self._end(scheduler))
        self.ident = _begin(scheduler, thread, function)

    def is_done(self) -> bool:
        """Whether the thread has ended."""
        scheduler = here()
        if scheduler is not None:
            scheduler.poll()
        return self._done

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end, at most `timeout` seconds."""
        scheduler = here()
        if scheduler is None or self._thread is None:
            return
        if self._thread is scheduler.current:
            raise RuntimeError("Cannot join current thread")
        scheduler.point()
        deadline = None if timeout is None or timeout < 0 else scheduler.now + timeout
        while not self._done:
            if not self.wait(scheduler, deadline):
                return

    def waited_for(self) -> str:
        """What a thread that waits is told to wait on."""
        return f"the end of [{self._thread.name if self._thread else 'a thread'}]"

    def _set_done(self) -> None:
        """Called by `threading` for the main thread only."""
        self._done = True

    def _end(self, scheduler: Scheduler) -> None:
        self._done = True
        self.wake_all(scheduler)


def start_joinable_thread(function: Callable[[], object], handle: Any = None, daemon: bool = True) -> Any:
    """From 3.13 on: start a thread under a handle."""
    scheduler = here()
    if scheduler is None:
        return _start_joinable(function, handle=handle, daemon=daemon)
    if not isinstance(handle, ThreadHandle):
        raise scheduler.escaped(
            "a thread made before the run is started in it", "make it inside the run: build the app there"
        )
    handle.start(scheduler, function)
    return handle


def is_set(event: Any) -> bool:
    """`Event.is_set`, which takes no lock."""
    scheduler = here()
    if scheduler is not None:
        scheduler.poll()
    return bool(event._flag)


def excepthook(args: Any) -> None:
    """`threading.excepthook`, which is not told of threads that a run has ended, whatever they made of it."""
    scheduler = here()
    if scheduler is None or not scheduler.current.doomed:
        _excepthook(args)


_excepthook = threading.excepthook
