"""Waits for a core are noted when they are long, for the slowest thread of the target and the harness together."""

import asyncio
import os

from harness.history import Starved
from harness.targets import starvation
from harness.targets.driven import Recorder
from harness.targets.starvation import Starvation

ME = os.getpid()


def noted(monkeypatch, *looks: dict[tuple[int, int], float]) -> list[float]:
    """The waits that are noted when the threads say this at one look after the other."""
    recorder = Recorder()
    left = iter(looks)
    monkeypatch.setattr(Starvation, "_waited", lambda _: iter(next(left).items()))
    watching = Starvation(recorder, lambda: None)
    for _ in looks:
        watching._look()
    return [round(record.waited_s, 3) for record in recorder.records if isinstance(record, Starved)]


def test_the_longest_wait_of_the_target_and_the_harness_own_are_added(monkeypatch):
    """What other threads of the target waited at the same time does not count twice."""
    first = {(ME, ME): 1.0, (7, 7): 5.0, (7, 8): 5.0}
    assert noted(monkeypatch, first, {(ME, ME): 1.1, (7, 7): 5.2, (7, 8): 5.4}) == [0.5]


def test_what_was_waited_before_and_short_waits_are_not_noted(monkeypatch):
    """Only what comes between two looks counts, and every machine has waits of a few milliseconds."""
    assert noted(monkeypatch, {(7, 7): 5.0}) == []
    assert noted(monkeypatch, {(7, 7): 5.0}, {(7, 7): 5.004}) == []
    assert noted(monkeypatch, {(7, 7): 5.0}, {(7, 7): 5.0, (7, 9): 3.0}, {(7, 7): 5.0, (7, 9): 3.2}) == [0.2]


def test_the_system_counts_the_waits_of_this_process():
    """Of the harness's own thread there is a figure, and of a process that has gone there is none."""
    assert [thread for thread, _ in starvation._of_thread(ME, ME)] == [(ME, ME)]
    assert list(starvation._of_thread(2**22, 2**22)) == []


async def test_it_looks_at_the_group_that_is_there_now():
    """All threads of the target's processes are looked at; while there is none, only the harness."""
    recorder = Recorder()
    process = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    try:
        here = Starvation(recorder, lambda: process.pid)
        assert {pid for (pid, _), _ in here._waited()} == {ME, process.pid}
        assert {pid for (pid, _), _ in Starvation(recorder, lambda: None)._waited()} == {ME}
    finally:
        process.kill()
        await process.wait()
