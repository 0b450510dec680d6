"""The threads below the store: no answer is overlooked, and none is waited for without an end."""

import asyncio
import gc
import sqlite3
import threading
from collections import deque
from pathlib import Path
from typing import Any

from reference_app.sessions.database import Database
from reference_app.sessions.protocol import StoreUnavailable
from reference_app.sessions.threads import Answers, Job, Threads

HANG_S = 10.0


class Watched(deque[Job[Any]]):
    """Finished jobs; once they are found to be all done, another thread gives one more in that very moment."""

    def __init__(self, answers: Answers, late: Job[Any]) -> None:
        super().__init__()
        self.answers, self.late = answers, [late]

    def __len__(self) -> int:
        length = super().__len__()
        if length == 0 and self.late:
            self.answers.give([self.late.pop()])
        return length


async def test_an_answer_that_comes_while_the_last_ones_are_given_is_not_overlooked() -> None:
    """A job that is finished just after the loop has looked wakes the loop again."""
    loop = asyncio.get_running_loop()
    first: Job[None] = Job(lambda _: None, loop.create_future())
    late: Job[None] = Job(lambda _: None, loop.create_future())
    answers = Answers(loop)
    answers._finished = Watched(
        answers, late
    )  # the moment between two instructions, which no other seam reaches
    answers.give([first])
    async with asyncio.timeout(HANG_S):
        await asyncio.gather(first.future, late.future)


async def test_stopping_does_not_wait_for_a_thread_that_hangs(tmp_path: Path) -> None:
    """A thread that stands still in the disk's work costs the shutdown its limit and no more."""
    begun, release = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        begun.set()
        release.wait(HANG_S)

    threads = Threads("hanging", 1, stop_s=0.05)
    threads.start(Database(tmp_path / "s.db", sqlite3.connect), hang)
    assert await asyncio.to_thread(begun.wait, HANG_S)
    async with asyncio.timeout(HANG_S / 2):
        await threads.stop()
    (hanging,) = [thread for thread in threading.enumerate() if thread.name.startswith("hanging")]
    release.set()
    await asyncio.to_thread(hanging.join, HANG_S)


async def test_a_caller_that_is_cancelled_as_its_job_fails_leaves_no_complaint(tmp_path: Path) -> None:
    """The error of a job whose caller was cancelled in the same step of the loop is nobody's, and the loop is silent."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    jobs: list[Job[Any]] = []
    taken = threading.Event()

    def take(waiting: Any, *_: Any) -> None:
        while (job := waiting.get()) is not None:
            jobs.append(job)
            taken.set()

    threads = Threads("taking", 1)
    threads.start(Database(tmp_path / "s.db", sqlite3.connect), take)
    caller = asyncio.ensure_future(threads.run(lambda _: None, timeout_s=HANG_S))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(taken.wait, HANG_S)
    jobs[0].error = StoreUnavailable("refused")
    jobs[0].settle()
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    jobs.clear()
    del caller
    gc.collect()
    await threads.stop()
    assert complaints == []
