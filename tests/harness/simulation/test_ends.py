"""How runs end other than well."""

from collections.abc import Callable
from typing import Any

Played = Callable[..., Any]


def test_a_deadlock_is_told_with_every_thread(played: Played) -> None:
    """Two threads that hold what the other wants: each with name, lane, what it waits on, since when, and stack."""
    told = played("ends")["two_locks"]["stopped"]
    assert told.startswith("deadlock at t=5 s: 3 thread(s) wait for ever")
    assert "left [main/task2/thread1] waits since t=1 s on a Lock that [main/task2/thread2] holds" in told
    assert "right [main/task2/thread2] waits since t=1 s on a Lock that [main/task2/thread1] holds" in told
    assert told.count("in two_locks.<locals>.take") == 2
    assert "MainThread [main] waits since t=5 s on [main/loop1], which has no callback and no timer" in told
    assert "Task-1 (two_locks) at" in told


def test_a_deadlock_shows_no_frame_of_ours(played: Played) -> None:
    """The stacks are the application's, from where it begins to where it waits."""
    told = played("ends")["two_locks"]["stopped"]
    assert "harness/simulation/scheduler.py" not in told
    assert "harness/simulation/locks.py" not in told


def test_a_wakeup_that_never_comes_is_a_deadlock(played: Played) -> None:
    """A condition that nobody notifies is found at once, and told as a wake-up."""
    told = played("ends")["lost_wakeup"]["stopped"]
    assert told.startswith("deadlock at t=0 s: 2 thread(s)")
    assert "until somebody releases it: a wake-up" in told


def test_a_loop_that_waits_for_itself_is_a_deadlock(played: Played) -> None:
    """A future's result, waited for on the thread of the loop that would set it."""
    assert "in own_result" in played("ends")["own_result"]["stopped"]


def test_a_lock_over_an_await_is_a_deadlock_and_nothing_else_is_said(played: Played) -> None:
    """The tasks in which the run was ended are no errors of theirs: a play that wrote to standard error would fail here."""
    report = played("ends")["lock_over_an_await"]["stopped"]
    assert report.startswith("deadlock at t=0 s: 1 thread(s) wait for ever")
    assert "in lock_over_an_await.<locals>.take" in report


def test_threads_that_wait_for_one_another_are_told_though_the_rest_went_on(played: Played) -> None:
    """A run whose main coroutine ends has its value, and the two that will never end are shown with their stacks."""
    outcomes = played("ends")
    assert outcomes["crossed_workers"]["value"] == "done"
    cycle = outcomes["crossed_workers"]["cycle"]
    assert cycle.startswith("deadlock at t=5 s: 2 thread(s) wait for ever")
    assert cycle.count("in crossed_workers.<locals>.take") == 2
    for case in ("lost_wakeup", "own_result", "long_work", "leaks"):
        assert outcomes[case]["cycle"] is None


def test_slow_is_no_deadlock(played: Played) -> None:
    """An hour in a pool, and the shut-down of executors, which has a thread of its own wait for theirs."""
    outcome = played("ends")["long_work"]
    assert (outcome["value"], outcome["virtual_s"]) == ("done", 3700.0)


def test_an_exception_is_the_outcome(played: Played) -> None:
    """What the main coroutine raises is told, and stops nothing."""
    assert played("ends")["raises"]["error"] == "KeyError: 'mine'"


def test_what_is_left_is_ended_in_order_and_threads_are_named(played: Played) -> None:
    """Tasks from the oldest on, then generators, then threads, whose clean-up runs; idle pools are no leak."""
    outcome = played("ends")["leaks"]
    assert outcome["value"] == "ok"
    assert [leak.split(" [")[0] for leak in outcome["leaked"]] == ["thread leak-1", "thread leak-2"]
    assert outcome["log"] == [
        "a cancelled",
        "b cancelled",
        "c cancelled",
        "generator closed",
        "thread ended",
        "other loop cancelled",
    ]


def test_a_thread_that_will_not_end_is_left_behind(played: Played) -> None:
    """A thread that catches what ends it is named, and holds up neither its run nor the runs after it."""
    assert [leak.split(" [")[0] for leak in played("ends")["refuses_to_end"]["leaked"]] == ["thread stubborn"]
    assert played("ends")["left"] == ["MainThread", "stubborn"]


def test_a_run_ends_with_its_budget(played: Played) -> None:
    """Virtual time and steps have limits; what is over them is told with the limit and the time."""
    ends = played("ends")
    assert ends["too_long"]["stopped"] == (
        "the run did not end within its budget of 3600 virtual seconds (t=3600 s)"
    )
    assert ends["too_many_steps"]["stopped"].startswith(
        "the run did not end within its budget of 20000 steps"
    )
    assert ends["too_many_steps"]["steps"] == 20_000


def test_a_task_that_will_not_be_cancelled_is_named(played: Played) -> None:
    """The end of a run has a budget too."""
    assert [leak.split(" at ")[0] for leak in played("ends")["stubborn"]["leaked"]] == [
        "task Task-1 (stubborn)"
    ]
