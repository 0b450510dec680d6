"""Whether the hooks hold on this interpreter: one small run that would show each kind of them failing."""

import asyncio
import datetime as dt
import queue
import sys
import threading
import time
import uuid
from typing import Any

from harness.errors import UsageError
from harness.simulation import locks, numbered
from harness.simulation.queues import SimpleQueue
from harness.simulation.scheduler import here

_HOUR_S = 3600.0


async def probe() -> tuple[str, ...]:
    """The names of the hooks that do not hold."""
    began, wall = time.monotonic(), dt.datetime.now(dt.UTC)
    await asyncio.sleep(_HOUR_S)
    slept_s = time.monotonic() - began
    sleeper = threading.Thread(target=time.sleep, args=(_HOUR_S,))
    sleeper.start()
    await asyncio.to_thread(sleeper.join)
    scheduler = here()
    task = asyncio.current_task()
    # Held as Any: what they are said to be is not what they are in a run.
    lock: Any = threading.Lock()
    reentrant: Any = threading.RLock()
    line: Any = queue.SimpleQueue()
    held = {
        "thread": scheduler is not None,
        "lock": type(lock) is locks.Lock and type(reentrant) is locks.RLock,
        "queue": type(line) is SimpleQueue,
        "loop": slept_s == _HOUR_S,
        "clock": time.monotonic() == began + 2 * _HOUR_S and time.time_ns() == round(time.time() * 1e9),
        "datetime": dt.datetime.now(dt.UTC) - wall == dt.timedelta(seconds=2 * _HOUR_S),
        "join": not sleeper.is_alive(),
        # The first step, and one after each of the two waits.
        "task": type(task) is numbered.Task and task.lane.steps >= 3,  # noqa: PLR2004  # as said
        "entropy": scheduler is not None and _drawn(),
    }
    return tuple(name for name, holds in held.items() if not holds)


def check(failed: tuple[str, ...] | None) -> None:
    """Refuse to go on where a hook does not hold.

    Raises:
        UsageError: names it.
    """
    if failed is None or failed:
        version = ".".join(map(str, sys.version_info[:3]))
        names = ", ".join(failed or ("every thread or loop",))
        raise UsageError(
            f"on CPython {version} the simulation does not hold: {names}; play it in the stage live"
        )


def _drawn() -> bool:
    """Whether what is drawn is drawn from the run."""
    scheduler = here()
    assert scheduler is not None
    before = scheduler.entropy.getstate()
    uuid.uuid4()
    return scheduler.entropy.getstate() != before
