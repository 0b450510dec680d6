"""The beginning and the end of a run's main coroutine: what is left after it is ended in a fixed order, and named."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import thread as executors
from typing import Any, TypeVar

from harness.simulation.baton import SimulatedThread
from harness.simulation.endings import ThreadEnded
from harness.simulation.rebind import attribute
from harness.simulation.reports import described, name_of, pending
from harness.simulation.scheduler import Scheduler

T = TypeVar("T")
CLEAN_UP_S = 60.0
CLEAN_UP_STEPS = 1_000_000
"""What the end of a run may take, in virtual seconds and in steps; what is left then is left."""


def driven(main: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T | None, BaseException | None]:
    """Run `main()` on a new loop in this thread: what it returned, and what it raised."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main()), None
    except ThreadEnded:
        return None, None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # it is the outcome, whatever it is
        return None, error


def clean_up(scheduler: Scheduler) -> tuple[str, ...]:
    """End what is left, the oldest first: tasks, generators, executors, threads; what had to be ended by force."""
    loop = scheduler.loops[0]()
    leaked: list[str] = []
    scheduler.allow(virtual_s=CLEAN_UP_S, steps=CLEAN_UP_STEPS)
    tasks = pending(loop)
    try:
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
        _stop_executors(scheduler)
    except ThreadEnded:
        leaked += [f"task {described(task)}" for task in tasks if not task.done()]
    scheduler.allow(virtual_s=CLEAN_UP_S, steps=CLEAN_UP_STEPS)
    threads = [thread for thread in scheduler.threads if thread is not scheduler.main]
    leaked += [f"thread {name_of(thread)} [{thread.name}]" for thread in threads]
    _end_threads(scheduler, threads)
    _close_loops(scheduler)
    return tuple(leaked)


def _stop_executors(scheduler: Scheduler) -> None:
    """Tell the idle threads of every executor to end, as the interpreter does at exit, and let what can run go on."""
    put_back = attribute(executors, "_shutdown", True)
    for queue in list(executors._threads_queues.values()):
        queue.put(None)
    while scheduler.ready:
        scheduler.sleep("the threads that can still run", 0.0)
    put_back()


def _end_threads(scheduler: Scheduler, threads: list[SimulatedThread]) -> None:
    """Raise `ThreadEnded` in each at its next yield, and wait until it is gone; it may run its `finally` blocks."""
    main = scheduler.main
    disabled = logging.root.manager.disable
    # These blocks see a world that has ended; what they say of it tells nobody anything.
    logging.disable(logging.CRITICAL)
    for thread in threads:
        thread.doomed = True
        thread.when_done.append(lambda: scheduler.wake(main))
        scheduler.wake(thread)
    while len(scheduler.threads) > 1:
        scheduler.wait("the end of the threads that are left")
    logging.disable(disabled)


def _close_loops(scheduler: Scheduler) -> None:
    for reference in scheduler.loops:
        loop = reference()
        if loop is None or loop.is_closed():
            continue
        for task in pending(loop):
            task._log_destroy_pending = False
        if not loop.is_running():
            loop.close()
    asyncio.set_event_loop(None)
