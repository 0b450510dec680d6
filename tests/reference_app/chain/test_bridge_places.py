"""The bridge: what holds in one place only, and what each place is for."""

import asyncio
import threading
import time
from typing import Any

import pytest
from coroutines import HANG_S, SEEN, caught, for_ever, value
from greenlet import GreenletExit

from reference_app.bridge import (
    Bridge,
    BridgeClosed,
    BridgeMisuse,
    BridgeOnLoop,
    BridgeReentry,
    BridgeTimeout,
)


def test_a_host_cancellation_reaches_the_coroutine(stage: Any) -> None:
    """Cancelling the task that entered a portal or a worker thread cancels the coroutine that it waits for."""

    async def scenario(enter: str) -> None:
        stage.bridge.adopt()
        started, ended = asyncio.Event(), asyncio.Event()

        async def body() -> None:
            started.set()
            try:
                await for_ever()
            finally:
                ended.set()

        task = asyncio.create_task(getattr(stage.bridge, enter)(stage.bridge.run, body))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(HANG_S):
            await ended.wait()

    for enter in ("portal", "thread"):
        with asyncio.Runner(loop_factory=stage.loop_factory) as runner:
            runner.run(scenario(enter))


def test_the_loop_ticks_during_a_portal_call(stage: Any) -> None:
    """While a portal's function waits, other tasks of the loop run: here the waited-for event is set by one."""

    async def scenario() -> None:
        event = asyncio.Event()

        async def body() -> str:
            asyncio.get_running_loop().call_soon(event.set)
            await event.wait()
            return "set by the loop"

        async with asyncio.timeout(HANG_S):
            assert await stage.bridge.portal(stage.bridge.run, body) == "set by the loop"

    with asyncio.Runner(loop_factory=stage.loop_factory) as runner:
        runner.run(scenario())


async def test_a_portal_shares_the_tasks_variables(bridge: Bridge) -> None:
    """The function in a portal sees the context variables of the task that entered, and sets them for it."""

    def function() -> Any:
        before = SEEN.get()
        SEEN.set("set in the portal")
        return before

    SEEN.set("set by the task")
    assert await bridge.portal(function) == "set by the task"
    assert SEEN.get() == "set in the portal"


def test_the_adopted_loop_runs_the_workers_calls(stage: Any) -> None:
    """A worker's coroutine runs on the adopted loop, where the connections are, and a blocked loop's does not."""

    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def scenario() -> None:
        stage.bridge.adopt()
        here = asyncio.get_running_loop()
        assert await stage.bridge.thread(stage.bridge.run, where) is here
        assert await asyncio.to_thread(stage.bridge.run, where) is here
        assert await stage.bridge.portal(stage.bridge.run, where) is here
        assert stage.bridge.run(where, timeout=HANG_S, when_on_loop="block") is not here

    with asyncio.Runner(loop_factory=stage.loop_factory) as runner:
        runner.run(scenario())
    with pytest.raises(BridgeClosed, match="adopted loop has ended"):
        stage.bridge.run(where)


async def test_on_the_loop_the_refusal_names_the_remedies(bridge: Bridge) -> None:
    """Outside of a portal a call on the loop's own thread is refused, with all three ways out in the text."""
    with pytest.raises(BridgeOnLoop, match=r"await.*portal.*thread"):
        bridge.run(value, 1)
    with pytest.raises(BridgeMisuse, match="timeout"):
        bridge.run(value, 1, when_on_loop="block")

    async def inside() -> None:
        bridge.run(value, 1)

    with pytest.raises(BridgeOnLoop):  # the coroutine that a portal awaits is no portal
        await bridge.portal(bridge.run, inside)


async def test_only_what_has_a_name_blocks_a_loop(bridge: Bridge) -> None:
    """A misspelt policy is refused as such, and blocks nothing."""
    with pytest.raises(BridgeMisuse, match="'refuse' or 'block'"):
        bridge.run(value, 1, timeout=1.0, when_on_loop="blok")  # type: ignore[arg-type]  # the mistake


async def test_a_portal_ships_whatever_its_function_raises(bridge: Bridge) -> None:
    """A GreenletExit, which a greenlet takes for a value, is raised as any other exception is."""

    def leave() -> None:
        raise GreenletExit

    with pytest.raises(GreenletExit):
        await bridge.portal(leave)


async def test_blocking_is_told_with_its_milliseconds(bridge: Bridge, recorder: Any) -> None:
    """A loop that was blocked leaves one warning with how long, whether the call succeeded or not."""
    bridge.run(asyncio.sleep, 0.02, timeout=HANG_S, when_on_loop="block")
    with pytest.raises(BridgeTimeout):
        bridge.run(for_ever, timeout=0.03, when_on_loop="block")
    assert [(level, event) for level, event, _ in recorder.records] == [
        ("warning", "bridge_blocked_loop")
    ] * 2
    assert [
        fields["blocked_ms"] >= least
        for (_, _, fields), least in zip(recorder.records, (20, 30), strict=True)
    ] == [
        True,
        True,
    ]


def test_the_bridges_own_loop_refuses_to_wait_for_itself(bridge: Bridge) -> None:
    """A call from a coroutine on the bridge's own loop, same thread, is refused typed under both policies."""

    async def again(**options: Any) -> None:
        bridge.run(value, 1, **options)

    with pytest.raises(BridgeReentry):
        bridge.run(again)

    async def blocking() -> None:
        await again(timeout=1.0, when_on_loop="block")

    with pytest.raises(BridgeReentry):
        bridge.run(blocking)


def test_closing_frees_a_waiting_caller(bridge: Bridge) -> None:
    """A caller in flight when the bridge closes gets a typed error, its `finally` ran, and later calls are refused."""
    started, ended = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    async def body() -> None:
        started.set()
        try:
            await for_ever()
        finally:
            ended.set()

    caller = threading.Thread(target=lambda: errors.append(caught(bridge.run, body)))
    caller.start()
    assert started.wait(HANG_S)
    bridge.close()
    caller.join(HANG_S)
    assert [type(error) for error in errors] == [BridgeClosed]
    assert ended.is_set()
    for use in (lambda: bridge.run(value, 1), lambda: asyncio.run(bridge.thread(time.time))):
        with pytest.raises(BridgeClosed):
            use()


def test_many_threads_at_first_use(bridge: Bridge) -> None:
    """24 threads that meet at the first use, 8 calls each, get exactly their own values."""
    barrier = threading.Barrier(24)
    results: dict[int, list[int]] = {}

    def work(number: int) -> None:
        barrier.wait()
        results[number] = [bridge.run(value, number * 100 + call) for call in range(8)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert results == {number: [number * 100 + call for call in range(8)] for number in range(24)}


def test_a_task_left_behind_goes_on(bridge: Bridge) -> None:
    """A task that a coroutine leaves behind ends by itself, with no further call made."""
    ended = threading.Event()

    async def body() -> asyncio.Task[None]:
        async def later() -> None:
            await asyncio.sleep(0.01)
            ended.set()

        return asyncio.create_task(later())

    kept = bridge.run(body)
    assert ended.wait(HANG_S)
    assert kept is not None


def test_a_task_left_behind_is_not_bound_by_the_calls_time(bridge: Bridge) -> None:
    """A task that outlives its call may call in its turn, past the deadline of the call that started it."""

    async def later(go: asyncio.Event) -> int:
        await go.wait()
        result: int = await bridge.thread(bridge.run, asyncio.sleep, 0.01, 5)
        return result

    async def body() -> tuple[asyncio.Event, asyncio.Task[int]]:
        go = asyncio.Event()
        return go, asyncio.create_task(later(go))

    async def join(go: asyncio.Event, task: asyncio.Task[int]) -> int:
        go.set()
        return await task

    go, task = bridge.run(body, timeout=0.05)
    time.sleep(0.06)  # the deadline of the first call is a moment in real time
    assert bridge.run(join, go, task) == 5


async def test_no_more_workers_than_work(bridge: Bridge) -> None:
    """A thousand calls, one after the other, are done by one worker thread; ten at a time by ten."""

    def own() -> int:
        return threading.get_ident()

    assert len({await bridge.thread(own) for _ in range(1000)}) == 1
    together = threading.Barrier(10)

    def meet() -> int:
        together.wait(HANG_S)
        return threading.get_ident()

    assert len(set(await asyncio.gather(*(bridge.thread(meet) for _ in range(10))))) == 10
