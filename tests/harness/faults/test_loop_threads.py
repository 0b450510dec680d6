"""The faults that are threads beside the loop, or take its worker threads."""

import asyncio
import gc
import threading
import time
from typing import Any

import anyio.to_thread
import pytest
from loop_bench import Bench, answering, running, status

from harness.errors import UsageError
from harness.faults import loop_threads
from harness.faults.loop_reports import SAID
from harness.faults.loop_threads import LoopGilBurn, LoopLimiterFull, LoopTaskCollected
from harness.rig import Window


async def nothing() -> None:
    """Work without an await."""


def def_route() -> Any:
    """What a `def` route does: its work is done in a worker thread of anyio."""
    return answering(lambda: anyio.to_thread.run_sync(lambda: None))


async def taken() -> tuple[Any, float, int]:
    """The limiter, the tokens that are taken of it, and how many wait."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    return limiter, limiter.borrowed_tokens, limiter.statistics().tasks_waiting


def names() -> set[str]:
    """The threads of this process."""
    return {thread.name for thread in threading.enumerate()}


def test_threads_burn_beside_the_loop_and_end_with_the_fault() -> None:
    """So many threads compute, each is a firing, the loop goes on, and none is left though their time is not over."""
    before = names()
    with running(answering(nothing)) as bench:
        with LoopGilBurn(for_s=3600, threads=3).within(bench):
            bench.until_fired(3)
            assert names() >= {f"gil-burn-{number}" for number in range(3)}
            assert status(bench.ask()) == 200
        assert bench.noted == ["computing for 3600 s"] * 3
    assert names() == before


def test_threads_burn_no_longer_than_they_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once `for_s` has passed a thread ends by itself, before the fault does."""
    with running(answering(nothing)) as bench:
        began = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: began)
        with LoopGilBurn(for_s=5, threads=1).within(bench):
            bench.until_fired()
            thread = next(one for one in threading.enumerate() if one.name == "gil-burn-0")
            monkeypatch.setattr(time, "monotonic", lambda: began + 5)
            thread.join(20)
            assert not thread.is_alive()
        monkeypatch.undo()


async def waiting(bench: Bench, requests: int) -> "list[asyncio.Task[Any]]":
    """Requests that came as far as the limiter, which has none for them."""
    tasks = [asyncio.ensure_future(bench.asked()) for _ in range(requests)]
    while (await taken())[2] < requests:  # noqa: ASYNC110  # a limiter tells nobody that somebody waits
        await asyncio.sleep(0)
    return tasks


async def answered(tasks: "list[asyncio.Task[Any]]") -> list[int]:
    """The statuses of requests."""
    return [status(sent) for sent in await asyncio.gather(*tasks)]


def test_all_worker_threads_are_taken_and_given_back() -> None:
    """A `def` route waits while all forty tokens are gone, and is answered once the fault is over; the limiter is the same."""
    with running(def_route()) as bench:
        limiter = bench.run(taken())[0]
        with LoopLimiterFull(hold_s=3600).within(bench):
            assert bench.run(taken())[1] == 40
            tasks = bench.run(waiting(bench, 2))
            bench.until_fired()
        assert bench.run(answered(tasks)) == [200, 200]
        assert bench.run(taken()) == (limiter, 0, 0)
        assert bench.noted == ["40 of 40 tokens taken, and 2 waiting"]


def test_tokens_for_which_nobody_waits_were_taken_from_nobody() -> None:
    """A service without a `def` route is answered as ever, and the fault has not fired."""
    with running(answering(nothing)) as bench:
        with LoopLimiterFull(hold_s=3600).within(bench):
            assert status(bench.ask()) == 200
            assert bench.run(taken())[1] == 40
        assert bench.noted == []


def test_who_waits_when_the_tokens_come_back_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """However seldom it is looked in between, the fault looks once more before it ends."""
    monkeypatch.setattr(loop_threads, "LOOK_S", 3600.0)
    with running(def_route()) as bench:
        with LoopLimiterFull(hold_s=3600).within(bench):
            tasks = bench.run(waiting(bench, 1))
            assert bench.noted == []
        assert bench.run(answered(tasks)) == [200]
        assert bench.noted == ["40 of 40 tokens taken, and 1 waiting"]


def test_the_tokens_come_back_when_their_time_is_over() -> None:
    """After `hold_s` whoever waits goes on, though the fault is still there, and its end has nothing left to give."""
    with running(def_route()) as bench:
        with LoopLimiterFull(hold_s=0.001).within(bench):
            assert status(bench.ask()) == 200
            assert bench.run(taken())[1] == 0
        assert bench.run(taken())[1] == 0


@pytest.mark.parametrize("first", [0, 1])
def test_two_that_take_tokens_mend_in_either_order(first: int) -> None:
    """The second takes what the first left; each gives back its own, and one that got none has not fired."""
    with running(def_route()) as bench:
        both = [LoopLimiterFull(tokens=number, hold_s=3600).within(bench) for number in (30, 40)]
        for one in both:
            one.__enter__()
        with LoopLimiterFull().within(bench):
            tasks = bench.run(waiting(bench, 1))
            bench.until_fired(2)
        taking = [f"{number} of 40 tokens taken, and 1 waiting" for number in (10, 30)]
        assert sorted(bench.noted) == taking
        both[first].__exit__(None, None, None)
        assert bench.run(answered(tasks)) == [200]
        assert bench.run(taken())[1] == (10 if first == 0 else 30)
        both[1 - first].__exit__(None, None, None)
        assert bench.run(taken())[1] == 0


def test_a_task_that_nobody_holds_is_collected(capsys: pytest.CaptureFixture[str]) -> None:
    """A task that waits for a future of its own, and is held by nobody, is gone before the request is over, and is named."""
    gone = threading.Event()

    class Trace:
        def __del__(self) -> None:
            gone.set()

    async def lost(_trace: Trace) -> None:
        await asyncio.get_running_loop().create_future()

    async def work() -> None:
        asyncio.ensure_future(lost(Trace())).set_name("lost")
        await asyncio.sleep(0)
        await asyncio.to_thread(gone.wait, 20)

    gc.disable()  # nobody else collects it
    try:
        with running(answering(work)) as bench:
            bench.loop.call_soon_threadsafe(bench.loop.set_exception_handler, lambda *_: None)
            with LoopTaskCollected(gc_every_s=0.001).within(bench):
                assert status(bench.ask()) == 200
                assert gone.is_set()
            assert bench.noted
        assert capsys.readouterr().err.splitlines() == [
            f"{SAID}a task was collected before it ended: {lost.__qualname__}"
        ]
        assert "task-collected" not in names()
    finally:
        gc.enable()


def test_a_request_that_arrives_is_reason_enough_to_collect() -> None:
    """However long there is between two collections, there is one while a request that has just begun is under way."""
    with running(answering(lambda: asyncio.to_thread(bench.until_fired))) as bench:
        with LoopTaskCollected(gc_every_s=3600).within(bench):
            assert status(bench.ask()) == 200
        assert len(bench.noted) == 1


def test_garbage_is_collected_beside_tasks_in_the_window_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no more tasks than the idle loop has, and beyond the window, it is looked again, and nothing is collected."""
    looked, often, collected = threading.Semaphore(0), iter([2, 2, 1, 3, 1, 2, 7]), []

    class Task:
        def get_coro(self) -> None: ...

        def get_name(self) -> str:
            return "a task"

        def add_done_callback(self, _callback: object) -> None: ...

    made = [Task() for _ in range(9)]

    def tasks(_loop: object) -> set[Task]:
        looked.release()
        return set(made[: next(often, 9)])

    monkeypatch.setattr(asyncio, "all_tasks", tasks)
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    inside: Any = Bench(asyncio.new_event_loop(), None)
    with LoopTaskCollected(gc_every_s=0.001, window=Window(first_n=2)).within(inside):
        for _ in range(10):
            assert looked.acquire(timeout=20)
    assert inside.noted == ["collected beside 3 tasks", "collected beside 2 tasks"]
    assert len(collected) == 2
    inside.loop.close()


@pytest.mark.parametrize(
    ("make", "knob"),
    [
        (lambda: LoopGilBurn(for_s=0), "for_s"),
        (lambda: LoopGilBurn(threads=0), "threads"),
        (lambda: LoopLimiterFull(tokens=0), "tokens"),
        (lambda: LoopLimiterFull(hold_s=0), "hold_s"),
        (lambda: LoopTaskCollected(gc_every_s=0), "gc_every_s"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(make: Any, knob: str) -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=f"^{knob}="):
        make()
