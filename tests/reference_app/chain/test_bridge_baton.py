"""The bridge's own loop: who drives it, what ends a call from outside, and what becomes of a loop that stands still."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from coroutines import HANG_S, caught, in_thread, value

from reference_app.bridge import Bridge, BridgeCancelled, BridgeClosed, BridgeTimeout, CancelToken
from reference_app.bridging.calls import Call
from reference_app.bridging.loop import BatonLoop


def bridge_threads() -> list[threading.Thread]:
    """The drivers that live."""
    return [thread for thread in threading.enumerate() if thread.name == "bridge-loop"]


def test_a_call_without_a_timeout_runs_in_its_own_thread(bridge: Bridge) -> None:
    """No thread is started for a call that nothing ends from outside, suspended or not; one is for a bounded call."""

    async def where() -> threading.Thread:
        before = threading.current_thread()
        await asyncio.sleep(0)
        assert threading.current_thread() is before
        return before

    others = set(bridge_threads())  # an earlier test's may be about to end
    assert bridge.run(where) is threading.current_thread()
    assert not set(bridge_threads()) - others
    assert bridge.run(where, timeout=HANG_S) in set(bridge_threads()) - others


def test_the_coroutine_runs_in_a_task_of_a_running_loop(bridge: Bridge) -> None:
    """From its first line on, the coroutine has a current task and a running loop, which refuses to run twice."""

    async def body() -> tuple[bool, bool]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        own = value(1)
        with pytest.raises(RuntimeError):
            loop.run_until_complete(own)
        own.close()
        return loop.is_running(), task in asyncio.all_tasks()

    assert bridge.run(body) == (True, True)
    assert caught(asyncio.get_running_loop)


@pytest.mark.parametrize("options", [{}, {"timeout": HANG_S}], ids=["unbounded", "bounded"])
def test_one_loop_serves_all_threads(bridge: Bridge, options: dict[str, Any]) -> None:
    """A future that one call made is resolved by its loop and awaited by a call of another thread."""

    async def make() -> asyncio.Future[int]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_later(0.02, future.set_result, 7)
        return future

    async def wait(future: asyncio.Future[int]) -> int:
        return await future

    futures = []
    in_thread(lambda: futures.append(bridge.run(make, **options))).join(HANG_S)
    assert bridge.run(wait, futures[0], timeout=HANG_S) == 7


def test_a_loop_that_stands_still_is_replaced(bridge: Bridge) -> None:
    """After a bounded call blocked its thread, the next one answers on a new loop, and the old one ends by itself."""
    others = set(bridge_threads())  # an earlier test's may live
    go_on, ended = threading.Event(), threading.Event()

    async def block() -> None:
        go_on.wait(HANG_S)
        try:
            await asyncio.sleep(0)
        finally:
            ended.set()

    with pytest.raises(BridgeTimeout):
        bridge.run(block, timeout=0.05)
    (old,) = set(bridge_threads()) - others
    assert bridge.run(value, 1, timeout=HANG_S) == 1
    go_on.set()
    assert ended.wait(HANG_S)
    old.join(HANG_S)
    assert not old.is_alive()
    assert bridge.run(value, 2) == 2


def test_a_first_step_that_stands_still_holds_up_no_bounded_call(bridge: Bridge) -> None:
    """While an unbounded call blocks in its first step, a bounded one is freed in time and the next one answers."""
    began, go_on = threading.Event(), threading.Event()

    async def block() -> int:
        began.set()
        go_on.wait(HANG_S)
        await asyncio.sleep(0)
        return 3

    answers: list[int] = []
    blocked = in_thread(lambda: answers.append(bridge.run(block)))
    assert began.wait(HANG_S)
    with pytest.raises(BridgeTimeout):
        bridge.run(value, 1, timeout=0.05)
    assert bridge.run(value, 2, timeout=HANG_S) == 2
    go_on.set()
    blocked.join(HANG_S)
    assert answers == [3]


def test_what_is_posted_to_the_loop_at_rest_is_run(bridge: Bridge) -> None:
    """A coroutine that another thread gives to the bridge's loop by asyncio's own means runs, though nobody calls."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert asyncio.run_coroutine_threadsafe(value(5), bridge.run(loop)).result(HANG_S) == 5


def test_a_generator_left_half_way_is_closed(bridge: Bridge) -> None:
    """An async generator that is dropped half-way in a first step has its awaiting `finally` run, with no further call."""
    ended = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ended.set()

    async def body() -> int:
        return await anext(numbers())

    assert bridge.run(body) == 1
    gc.collect()
    assert ended.wait(HANG_S)


def test_asyncio_debug_mode_changes_nothing(bridge: Bridge) -> None:
    """With the loop's debug mode on, calls of each kind give their values."""

    async def debug() -> None:
        asyncio.get_running_loop().set_debug(True)

    bridge.run(debug)
    assert [bridge.run(value, 1), bridge.run(value, 2, timeout=HANG_S)] == [1, 2]


def test_a_call_waits_no_longer_than_its_time_for_the_lock(bridge: Bridge) -> None:
    """A token frees a caller that waits behind another call's first step."""
    began, go_on, token, errors = threading.Event(), threading.Event(), CancelToken(), []

    async def block() -> None:
        began.set()
        go_on.wait(HANG_S)

    blocked = in_thread(lambda: bridge.run(block))
    assert began.wait(HANG_S)
    waiting = in_thread(lambda: errors.append(caught(bridge.run, value, 1, cancel=token)))
    token.cancel()
    waiting.join(HANG_S)
    assert not waiting.is_alive()
    assert [type(error) for error in errors] == [BridgeCancelled]
    go_on.set()
    blocked.join(HANG_S)


def test_a_call_whose_time_is_up_before_it_began_never_begins(bridge: Bridge) -> None:
    """A bounded call that waits behind another's blocking step times out, and its coroutine does not run afterwards."""
    began, go_on, ran = threading.Event(), threading.Event(), []

    async def block() -> None:
        await asyncio.sleep(0)
        began.set()
        go_on.wait(HANG_S)
        for _ in range(10):  # turns in which the other one could begin
            await asyncio.sleep(0)

    async def late() -> None:
        ran.append(1)

    blocked = in_thread(lambda: bridge.run(block))
    assert began.wait(HANG_S)
    with pytest.raises(BridgeTimeout):
        bridge.run(late, timeout=0.02)
    go_on.set()
    blocked.join(HANG_S)
    assert not ran


def test_no_live_bridge_says_that_it_is_closed(bridge: Bridge) -> None:
    """While calls that block have loops replaced all the time, the calls of other threads give their values."""
    wrong: list[BaseException] = []
    done = threading.Event()

    async def block() -> None:
        await asyncio.to_thread(lambda: None)
        done.wait(0.3)

    def retire() -> None:
        for _ in range(4):
            with pytest.raises(BridgeTimeout):
                bridge.run(block, timeout=0.01)
        done.set()

    def call() -> None:
        while not done.is_set():
            try:
                assert bridge.run(value, 1) == 1
            except BridgeClosed as error:
                wrong.append(error)

    threads = [in_thread(retire), *(in_thread(call) for _ in range(3))]
    for thread in threads:
        thread.join(HANG_S)
    assert not wrong


def test_a_finalizers_callback_is_not_taken_for_a_first_step() -> None:
    """What is scheduled while a call's task is being made runs as its own, with its arguments, and the call has its value."""
    told: list[int] = []

    class Interrupted(BatonLoop):
        """Asked for its debug mode by each task that is made, it schedules something, as a finalizer may at that moment."""

        def get_debug(self) -> bool:
            if self.is_quiet_no_more:
                self.is_quiet_no_more = False
                self.call_soon(told.append, 1)
            return super().get_debug()

        is_quiet_no_more = False

    loop = Interrupted(bridge=told.append)
    loop.is_quiet_no_more = True
    call = Call(value, (7,), contextvars.copy_context())
    loop.step(call)
    loop.run_until_complete(asyncio.sleep(0))
    assert (call.result(), told) == (7, [1])
    loop.close()


def test_a_call_that_was_cancelled_before_its_first_step_runs_nothing() -> None:
    """Cancelled between its hand-over and its first step, a call ends typed, and its function is not called."""
    ran: list[int] = []
    call = Call(ran.append, (1,), contextvars.copy_context())
    call.cancel(BridgeCancelled)
    asyncio.run(call.main())
    assert type(caught(call.result)) is BridgeCancelled
    assert not ran


def test_a_first_step_that_waits_for_another_call_is_no_deadlock(recorder: Any) -> None:
    """An unbounded call behind a first step that waits for it gets a loop of its own, and a record says so."""
    bridge = Bridge(log=recorder)

    async def waits() -> int:
        answers: list[int] = []
        in_thread(lambda: answers.append(bridge.run(value, 6))).join(HANG_S)
        return answers[0]

    assert bridge.run(waits) == 6
    assert recorder.events() == ["bridge_loop_replaced"]
    bridge.close()


def test_a_task_left_behind_by_a_call_that_raised_has_no_deadline(bridge: Bridge) -> None:
    """A call that fails in its time leaves its tasks unbounded, as one that returns does."""
    ended = threading.Event()

    async def leave() -> None:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(bridge.run, asyncio.sleep, 0.01)
        ended.set()

    async def body() -> None:
        asyncio.create_task(leave())  # noqa: RUF006  # the loop keeps its tasks
        raise KeyError

    with pytest.raises(KeyError):
        bridge.run(body, timeout=0.05)
    assert ended.wait(HANG_S)
