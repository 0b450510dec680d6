"""What ends a bridge, or a call from the process around it: `close`, Ctrl-C, a host loop that stops, exit, a fork."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from coroutines import HANG_S, caught, for_ever, value

from reference_app.bridge import Bridge, BridgeClosed


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """Run a function in a thread that has been started."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


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


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, which ends as any script does."""
    opening = "import asyncio, atexit, threading\nimport structlog\nfrom reference_app.bridge import *\n"
    opening += "bridge = Bridge(log=structlog.get_logger())\n"
    command = [sys.executable, "-W", "error", "-c", opening + text]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)


def test_exit_ends_the_call_that_a_daemon_thread_makes() -> None:
    """A call that a daemon thread drives itself is cancelled at exit: its `finally` runs, its caller is freed, and all is silent."""
    ended = run_script("""
begun = threading.Event()
async def body():
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("finally", flush=True)
def caller():
    try:
        bridge.run(body)
    except BridgeClosed:
        pass
threading.Thread(target=caller, daemon=True).start()
begun.wait()
""")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "finally\n", "")


def test_calls_at_exit() -> None:
    """From atexit handlers that run after the bridge's own, a plain call gives its value, and one that needs a thread is refused typed."""
    ended = run_script("""
async def value(given):
    await asyncio.sleep(0)
    asyncio.get_running_loop().create_task(asyncio.sleep(60))
    return given
def late():
    print(bridge.run(value, 1))
    try:
        bridge.run(value, 2, timeout=1.0)
    except BridgeClosed as error:
        print(error)
import reference_app.bridging.process as process
atexit.unregister(process._at_exit)
atexit.register(late)
atexit.register(process._at_exit)
bridge.run(value, 0)
""")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "1\nthe interpreter is ending: call without a timeout, or earlier\n"


def test_a_fork_leaves_parent_and_child_with_a_bridge_each(bridge: Bridge) -> None:
    """After a fork, in the midst of a call of another thread too, both processes call on, bounded and not."""
    began, go_on = threading.Event(), threading.Event()

    async def hold() -> None:
        began.set()
        await asyncio.to_thread(go_on.wait, HANG_S)

    bridge.run(value, 1, timeout=HANG_S)
    holder = in_thread(lambda: bridge.run(hold))
    assert began.wait(HANG_S)
    child = os.fork()
    if child == 0:
        # Nothing of the test runner may run in the child.
        try:
            answers = [bridge.run(value, 2), bridge.run(value, 3, timeout=5.0)]
            os._exit(0 if answers == [2, 3] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [bridge.run(value, 4), bridge.run(value, 5, timeout=HANG_S)] == [4, 5]
    go_on.set()
    holder.join(HANG_S)


def test_a_fork_in_a_worker_thread_forgets_the_loop_of_the_parent(recorder: Any) -> None:
    """In the child of a worker of a host loop there is no such loop, and a call runs on the child's own."""
    bridge = Bridge(log=recorder)

    def work() -> int:
        child = os.fork()
        if child == 0:
            try:
                os._exit(bridge.run(value, 7))
            finally:
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    async def host() -> int:
        bridge.adopt()
        return await bridge.thread(work)

    assert asyncio.run(host()) == 7
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
