"""What ends a bridge, or a call from the process around it: `close`, Ctrl-C, a host loop that stops."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from coroutines import HANG_S, caught, for_ever, in_thread, value

from reference_app.bridge import Bridge, BridgeClosed
from reference_app.bridging.baton import Baton


def test_a_generator_that_somebody_keeps_is_closed_with_the_bridge(recorder: Any) -> None:
    """An async generator that is still held when the bridge closes has its `finally` run then."""
    bridge, kept, ended = Bridge(log=recorder), [], threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.set()

    async def body() -> None:
        kept.append(numbers())
        await anext(kept[0])

    bridge.run(body)
    bridge.close()
    assert ended.is_set()


def test_closing_while_a_first_step_stands_still_is_bounded(recorder: Any) -> None:
    """`close` returns while a coroutine blocks the loop's thread; the blocked call ends once it goes on."""
    bridge = Bridge(log=recorder)
    began, go_on, errors = threading.Event(), threading.Event(), []

    async def block() -> None:
        began.set()
        go_on.wait(HANG_S)
        await for_ever()

    blocked = in_thread(lambda: errors.append(caught(bridge.run, block)))
    assert began.wait(HANG_S)
    bridge.close()
    go_on.set()
    blocked.join(HANG_S)
    assert [type(error) for error in errors] == [BridgeClosed]


def test_ctrl_c_ends_the_call_of_the_main_thread(bridge: Bridge) -> None:
    """A SIGINT in the main thread's call raises KeyboardInterrupt there, the `finally` has run, and the next call works."""
    ended = threading.Event()

    async def body() -> None:
        try:
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            await for_ever()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        bridge.run(body)
    assert ended.is_set()
    assert bridge.run(value, 1) == 1


def test_ctrl_c_in_the_call_of_another_thread_is_the_main_threads_too(bridge: Bridge) -> None:
    """Where the main thread's turn runs another thread's call when SIGINT comes, both callers are told."""
    began, errors = threading.Event(), []

    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)

    async def leading() -> None:
        began.set()
        await for_ever()

    def other() -> None:
        began.wait(HANG_S)
        errors.append(caught(bridge.run, interrupted))

    thread = in_thread(other)
    with pytest.raises(KeyboardInterrupt):
        bridge.run(leading)
    thread.join(HANG_S)
    assert [type(error) for error in errors] == [KeyboardInterrupt]


def test_a_task_left_behind_that_wants_to_exit_ends_no_driver(bridge: Bridge) -> None:
    """A SystemExit in a task that a call left behind is told by the loop's handler, and the loop serves on."""
    told = threading.Event()

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, _context: told.set())
        loop.call_later(0.01, lambda: loop.create_task(exits()))
        loop.create_task(asyncio.sleep(0.05)).add_done_callback(lambda _task: None)

    async def exits() -> None:
        raise SystemExit(3)

    bridge.run(leave)
    assert told.wait(HANG_S)
    assert bridge.run(value, 1, timeout=HANG_S) == 1


def test_a_waiting_caller_is_freed_when_its_loop_stops(recorder: Any) -> None:
    """A worker whose host loop stops without closing gets a typed error rather than waiting for ever."""
    bridge, errors = Bridge(log=recorder), []
    loop, began = asyncio.new_event_loop(), asyncio.Event()

    async def body() -> None:
        began.set()
        await for_ever()

    async def host() -> None:
        bridge.adopt()
        workers.append(in_thread(lambda: errors.append(caught(bridge.run, body))))
        await began.wait()

    workers: list[threading.Thread] = []
    loop.run_until_complete(host())
    workers[0].join(HANG_S)
    assert [type(error) for error in errors] == [BridgeClosed]
    loop.run_until_complete(asyncio.sleep(0))  # where the cancellation arrives
    loop.close()
    bridge.close()


async def test_closing_while_a_worker_runs_lets_the_task_have_its_answer(recorder: Any) -> None:
    """A task that waits for a worker when the bridge closes gets what the worker returns, and a later one is refused typed."""
    bridge, began, go_on = Bridge(log=recorder), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> int:
        loop.call_soon_threadsafe(began.set)
        go_on.wait(HANG_S)
        return 4

    working = asyncio.create_task(bridge.thread(work))
    await began.wait()
    bridge.close()
    go_on.set()
    assert await working == 4
    with pytest.raises(BridgeClosed):
        await bridge.thread(work)


@pytest.mark.parametrize("left", [False, True], ids=["alone", "with a task left behind"])
def test_a_coroutine_that_closes_its_bridge_in_its_first_step_ends_well(recorder: Any, left: bool) -> None:
    """`close` from within a call does not wait for itself: the call has its value, its tasks are cancelled, the loop closes."""
    bridge, ended = Bridge(log=recorder), threading.Event()
    others = set(threading.enumerate())

    async def leave() -> None:
        try:
            await for_ever()
        finally:
            ended.set()

    async def body() -> asyncio.AbstractEventLoop:
        if left:
            asyncio.create_task(leave())  # noqa: RUF006  # the loop keeps its tasks
        else:
            ended.set()
        bridge.close()
        return asyncio.get_running_loop()

    assert bridge.run(body).is_closed()
    assert set(threading.enumerate()) <= others  # nobody else was asked to drive it meanwhile
    assert not left or not ended.is_set()  # cancelled before it began
    assert isinstance(caught(bridge.run, value, 1), BridgeClosed)


def test_closing_interrupts_no_clean_up(bridge: Bridge) -> None:
    """Each of several calls in flight is cancelled once: the `finally` of each runs to its end before `close` returns."""
    began, ended = threading.Semaphore(0), []

    async def body(clean_up_s: float) -> None:
        try:
            began.release()
            await for_ever()
        finally:
            await asyncio.sleep(clean_up_s)
            ended.append(1)

    callers = []
    for clean_up_s in (
        0.01,
        0.2,
    ):  # so that the one that drives the loop is over when the other is in the midst
        callers.append(in_thread(partial(caught, bridge.run, body, clean_up_s)))
        assert began.acquire(timeout=HANG_S)
    bridge.close()
    for caller in callers:
        caller.join(HANG_S)
    assert len(ended) == 2


def test_ctrl_c_in_the_midst_of_a_hand_over_leaves_a_bridge_that_works(
    bridge: Bridge, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt between taking the baton and driving the loop loses neither the baton nor the lock."""
    lead = Baton._lead

    def interrupted(baton: Baton, call: Any) -> None:
        monkeypatch.setattr(Baton, "_lead", lead)
        baton._lock.acquire()  # as if it had come between the lock's taking and what sees to its release
        raise KeyboardInterrupt

    monkeypatch.setattr(Baton, "_lead", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bridge.run(for_ever)
    answers: list[int] = []
    in_thread(lambda: answers.append(bridge.run(value, 1))).join(HANG_S)
    assert [*answers, bridge.run(value, 2)] == [1, 2]
    assert not recorder.events()  # the loop is the same
