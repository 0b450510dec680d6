"""Threads of this process that a fault ends: by an exception out of nowhere, as a bug in their own work would."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.simulation.scheduler import Scheduler, here

_SET = ctypes.pythonapi.PyThreadState_SetAsyncExc


class WorkerEnded(BaseException):
    """What ends a worker. It is no `Exception`: a worker that goes on after each of those ends all the same."""


class _Nothing(BaseException):
    """Raised to be caught."""


@contextmanager
def ending(thread: threading.Thread) -> Iterator[None]:
    """Let a thread end by `WorkerEnded` at the next thing that it does; one that did nothing until the end is let off.

    One that waits in C, as for a queue, has to be given something to do first. In a simulated run it ends at once.
    """
    scheduler = here()
    if scheduler is not None:
        with _doomed(scheduler, thread):
            yield
        return
    _raise_in(thread, WorkerEnded)
    try:
        yield
    finally:
        _raise_in(thread, None)
        _take_down_the_flag()


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Let the interpreter raise an error in a thread, or no error any more."""
    given = None if error is None else ctypes.py_object(error)
    _SET(ctypes.c_ulong(thread.ident or 0), given)


def _take_down_the_flag() -> None:
    """Raise and catch an error here, for the interpreter's own note that one is to be raised.

    Until 3.12 only a thread that raises takes that note down, not one whose error was withdrawn. While it is up, each
    step of each thread is slow, and a generator under `sys.setprofile` does not end (`handle_eval_breaker` in ceval.c).
    """
    with suppress(_Nothing):
        _raise_in(threading.current_thread(), _Nothing)
        for _ in range(2):  # the error is raised at the latest where a loop goes back
            pass


@contextmanager
def _doomed(scheduler: Scheduler, thread: threading.Thread) -> Iterator[None]:
    """Let a simulated thread end as those do that are left when a run ends."""
    for simulated in scheduler.threads:
        if simulated.ident == thread.ident:
            simulated.doomed = True
            scheduler.wake(simulated)
    yield
