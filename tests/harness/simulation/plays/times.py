"""What clocks show, and what passes when."""

import asyncio
import contextlib
import datetime as dt
import logging
import queue
import random
import secrets
import sys
import tempfile
import threading
import time
import uuid
from time import monotonic as bound_before
from typing import Any

import stage

EPOCH_S = 1767225600.0


def default_bound_before(clock: Any = time.time) -> float:
    """A clock as a default that was bound before the run."""
    return float(clock())


class Holder:
    """A clock as an attribute of a class, bound before the run."""

    clock = time.perf_counter


async def timeout_around_a_thread() -> Any:
    """A timeout of 10 s around a call of 50 ms in a thread, while another loop sleeps for longer."""

    def other_loop() -> None:
        asyncio.run(asyncio.sleep(20))

    other = threading.Thread(target=other_loop)
    other.start()
    began = time.monotonic()
    async with asyncio.timeout(10):
        await asyncio.to_thread(time.sleep, 0.05)
    taken_s = time.monotonic() - began
    await asyncio.to_thread(other.join)
    return [taken_s, time.monotonic() - began]


async def clocks_agree() -> Any:
    """How far every clock moved over 2.5 s."""
    names = ("monotonic", "time", "perf_counter", "process_time", "thread_time")

    def read() -> list[float]:
        plain = [getattr(time, name)() for name in names]
        in_ns = [getattr(time, f"{name}_ns")() / 1e9 for name in names]
        others = [
            bound_before(),
            default_bound_before(),
            Holder().clock(),
            time.clock_gettime(time.CLOCK_MONOTONIC),
            time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9,
            asyncio.get_running_loop().time(),
            dt.datetime.now().timestamp(),  # noqa: DTZ005  # the naive one is read too
            dt.datetime.now(dt.UTC).timestamp(),
            time.mktime(time.localtime()) + 0.5 * (time.time() % 1 > 0),
        ]
        return plain + in_ns + others

    before = read()
    await asyncio.sleep(2.5)
    return [round(now - then, 6) for then, now in zip(before, read(), strict=True)]


async def everybody_starts_at_the_epoch() -> Any:
    """The wall clock of all who tell it."""
    record = logging.LogRecord("a", 20, "b", 1, "c", None, None)
    return [
        time.time() - EPOCH_S,
        dt.datetime.now(dt.UTC).timestamp() - EPOCH_S,
        dt.date.today().isoformat() in ("2025-12-31", "2026-01-01"),  # noqa: DTZ011  # in any zone
        record.created - EPOCH_S,
        record.relativeCreated,
        type(dt.datetime.now(dt.UTC)) is dt.datetime,
        time.gmtime()[:6],
        time.strftime("%Y", time.gmtime()),
    ]


async def timed_waits() -> Any:
    """How long each timed wait takes that is not answered."""
    lock = threading.Lock()
    lock.acquire()
    held = threading.RLock()
    there: queue.Queue[int] = queue.Queue()
    simple: queue.SimpleQueue[int] = queue.SimpleQueue()
    stuck = threading.Thread(target=time.sleep, args=(60,))
    stuck.start()

    def in_thread() -> list[Any]:
        taken = []
        with held:
            waits: list[Any] = [
                lambda: lock.acquire(timeout=1.5),
                lambda: threading.Event().wait(1.5),
                lambda: threading.Semaphore(0).acquire(timeout=1.5),
                lambda: stuck.join(1.5),
                lambda: get(there),
                lambda: get(simple),
                lambda: broken(threading.Barrier(2)),
            ]
            for wait in waits:
                began = time.monotonic()
                wait()
                taken.append(round(time.monotonic() - began, 6))
        return taken

    def broken(barrier: threading.Barrier) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(1.5)

    def get(source: Any) -> None:
        with contextlib.suppress(queue.Empty):
            source.get(timeout=1.5)

    got = await asyncio.to_thread(in_thread)
    await asyncio.to_thread(stuck.join)
    return [got, time.monotonic() - 1024.0]


async def spinning() -> Any:
    """Who spins until a time comes sees it come, and a thread that sleeps meanwhile wakes."""
    woken = threading.Event()
    threading.Thread(target=lambda: (time.sleep(0.004), woken.set())).start()
    while not woken.is_set():
        pass
    end = time.monotonic() + 0.003
    while time.monotonic() < end:
        pass
    while not woken.is_set():  # noqa: ASYNC110  # to spin is the point
        await asyncio.sleep(0)
    return round(time.monotonic() - 1024.0, 3)


async def entropy() -> Any:
    """What is drawn at random."""
    return [
        str(uuid.uuid4()),
        str(uuid.uuid1())[:18],
        secrets.token_hex(4),
        random.random(),
        random.Random().random(),
        next(tempfile._get_candidate_names()),
    ]


CASES: dict[str, stage.Main] = {
    name: case for name, case in list(globals().items()) if asyncio.iscoroutinefunction(case)
}

if __name__ == "__main__":
    if sys.argv[1:] == ["twice"]:
        stage.show([stage.told(stage.run(entropy, seed=seed)) for seed in (1, 1, 2)])
    else:
        stage.show_all(CASES)
