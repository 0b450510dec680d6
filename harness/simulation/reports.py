"""What a deadlock looks like: every thread, what it waits on and since when, its stack, and the tasks of its loop."""

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

from harness.simulation.baton import SimulatedThread
from harness.simulation.endings import Deadlock, Waiting, stack_of

if TYPE_CHECKING:
    from harness.simulation.scheduler import Scheduler


def deadlock(scheduler: "Scheduler", start_s: float) -> Deadlock:
    """The report; made by the thread that found that nothing can run."""
    return _report(scheduler, scheduler.threads, start_s)


def cycle(scheduler: "Scheduler", start_s: float) -> Deadlock | None:
    """The threads that wait for one another's locks, without a time limit, when a run has come to its end."""
    timed = {thread.ident for _, ticket, thread in scheduler.deadlines if ticket == thread.ticket}
    for first in scheduler.threads:
        path: list[SimulatedThread] = []
        thread: SimulatedThread | None = first
        while thread is not None and thread not in path and thread.ident not in timed:
            path.append(thread)
            thread = getattr(thread.waits_on, "holder", None)
        # One that waits for a lock of its own waits for a wake-up, as every condition does.
        if thread in path and len(members := path[path.index(thread) :]) > 1:
            return _report(scheduler, members, start_s)
    return None


def _report(scheduler: "Scheduler", threads: list[SimulatedThread], start_s: float) -> Deadlock:
    frames = sys._current_frames()
    waiting = tuple(
        Waiting(
            thread=name_of(thread),
            lane=thread.name,
            on=_told(thread.waits_on),
            since_s=thread.since - start_s,
            stack=stack_of(frames.get(thread.ident)),
        )
        for thread in threads
        if not thread.done
    )
    return Deadlock(at_s=scheduler.now - start_s, waiting=waiting)


def name_of(thread: SimulatedThread) -> str:
    """The name that the application gave to a thread."""
    names = {known.ident: known.name for known in threading.enumerate()}
    return names.get(thread.ident, "thread without a name")


def _told(on: Any) -> str:
    told = getattr(on, "waited_for", None)
    return str(on) if told is None else str(told())


def pending(loop: Any) -> list[Any]:
    """The tasks of a loop that have not ended, in the order in which they were made."""
    return sorted(asyncio.all_tasks(loop), key=lambda task: getattr(task, "number", 0))


def described(task: Any) -> str:
    """A task in one line: its name, what it runs, and where it is."""
    frames = task.get_stack(limit=1)
    where = f" at {frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()} ({task.get_coro().__qualname__}){where}"
