"""What a process does to its bridge: it ends, and it forks."""

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from coroutines import HANG_S, in_thread, value

from reference_app.bridge import Bridge
from reference_app.bridging.calls import Call
from reference_app.bridging.parked import ParkedThread


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, which ends as any script does."""
    opening = "import asyncio, atexit, threading\nimport structlog\nfrom reference_app.bridge import *\n"
    opening += "bridge = Bridge(log=structlog.get_logger())\n"
    command = [sys.executable, "-W", "error", "-c", opening + text]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)


def test_a_second_thread_that_a_wake_up_started_ends_with_the_first() -> None:
    """Two that wake it for the first time at once start two threads; what ends the one lets the other look, too."""
    over, looked = threading.Event(), threading.Event()

    def work() -> bool:
        looked.set()
        return not over.is_set()

    parked = ParkedThread("twice", work)
    parked.wake()
    assert looked.wait(HANG_S)
    parked._thread = None  # as the other one found it
    parked.wake()
    twins = [thread for thread in threading.enumerate() if thread.name == "twice"]
    assert len(twins) == 2
    over.set()
    parked.dismiss()
    for twin in twins:
        twin.join(HANG_S)
        assert not twin.is_alive()


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


def test_a_lost_hand_over_is_repeated(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ctrl-C came between handing the baton to the driver and waking it, a caller that waits wakes it."""
    bridge, wake = Bridge(log=recorder), ParkedThread.wake

    def lost(thread: ParkedThread) -> bool:
        monkeypatch.setattr(ParkedThread, "wake", wake)
        return True

    monkeypatch.setattr(ParkedThread, "wake", lost)
    assert bridge.run(value, 1, timeout=HANG_S) == 1
    bridge.close()


def test_a_call_whose_settling_was_interrupted_is_settled() -> None:
    """Ctrl-C while the waiting thread is about to be told neither loses the answer nor passes unnoticed."""
    call, times = Call(value, (3,), contextvars.copy_context()), []

    def told(_: Call) -> None:
        times.append(1)
        if len(times) == 1:
            raise KeyboardInterrupt

    call.when_settled = told
    asyncio.run(call.main())
    assert (call.settled, call.interrupted, call.result(), len(times)) == (True, True, 3, 2)


def test_a_caller_finds_out_that_its_task_has_gone_without_a_word() -> None:
    """A thread that waits for a call whose task has ended, and was not told, is freed after a while."""

    async def ended() -> "asyncio.Task[None]":
        task = asyncio.create_task(asyncio.sleep(0))
        await task
        return task

    call = Call(value, (3,), contextvars.copy_context())
    loop = asyncio.new_event_loop()
    call.awaited(loop, Call.wake)
    call.task = asyncio.run(ended())
    call.wait(lambda: True)
    assert call.settled
    loop.close()
