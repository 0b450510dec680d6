"""Operations of the bridge from a host loop and from a forked process, and the table of all operations."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from bridge_operations import (
    Blocks,
    InTime,
    JustInTime,
    LeavesTask,
    Nested,
    Operation,
    OutOfTime,
    Plain,
    Raises,
    RaisesBase,
    WantsExit,
)
from coroutines import HANG_S

from reference_app.bridge import BridgeClosed, BridgeOnLoop
from reference_app.bridging.calls import Outcome

FORKED_S = 10


class Hosted(Operation):
    """On a host loop of this thread's own."""

    def on_a_loop(self, enter: Callable[[], Any]) -> Any:
        """Run a coroutine function on a host loop of this thread's own."""
        with asyncio.Runner() as runner:
            return runner.run(enter())


class Portal(Hosted):
    """From a portal of a host loop of this thread's own."""

    def play(self) -> Any:
        return self.on_a_loop(lambda: self.bridge.portal(self.bridge.run, self.body))


class Thread(Hosted):
    """From a worker thread of a host loop of this thread's own."""

    def play(self) -> Any:
        return self.on_a_loop(lambda: self.bridge.thread(self.bridge.run, self.body))


class Blocking(Hosted):
    """On the thread of a running loop, which is blocked meanwhile."""

    def play(self) -> Any:
        return self.on_a_loop(self.host)

    async def host(self) -> Any:
        return self.bridge.run(self.body, timeout=HANG_S, when_on_loop="block")


class Refused(Blocking):
    """On the thread of a running loop, which is not to be blocked."""

    value_allowed = False
    errors_allowed = (BridgeOnLoop,)

    async def host(self) -> Any:
        return self.bridge.run(self.body)


class HostCancelled(OutOfTime, Hosted):
    """The host's task that waits for a portal is cancelled."""

    errors_allowed = (asyncio.CancelledError,)

    def play(self) -> Any:
        return self.on_a_loop(self.host)

    async def host(self) -> Any:
        self.waits, self.is_over = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(self.enter(self.bridge.run, self.body))
        waiting = asyncio.ensure_future(self.waits.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        task.cancel()
        return await task

    async def work(self) -> Any:
        self.waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_over.set()

    @property
    def enter(self) -> Any:
        return self.bridge.portal


class HostCancelledInThread(HostCancelled):
    """The host's task that waits for a worker thread is cancelled."""

    @property
    def enter(self) -> Any:
        return self.bridge.thread

    async def host(self) -> Any:
        try:
            return await super().host()
        finally:
            if self.began:  # the loop must live until the coroutine has heard of it
                await self.is_over.wait()


class Forks(Operation):
    """A call in a forked process, which takes the threads of the others away from it."""

    def play(self) -> Any:
        process = os.fork()
        if process == 0:
            self.play_in_the_fork()
        _, status = os.waitpid(process, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the call in the forked process failed"
        return self.bridge.run(self.body)

    def play_in_the_fork(self) -> NoReturn:
        """End the process, whatever comes: nothing of the parent's may run in it."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(FORKED_S)
        with Outcome() as outcome:
            if self.bridge.run(self.body) is not self.own:
                raise AssertionError
        # Another thread may have closed the bridge just before.
        os._exit(not isinstance(outcome.error, BridgeClosed | None))


KINDS = (
    Plain,
    InTime,
    Nested,
    Raises,
    RaisesBase,
    WantsExit,
    LeavesTask,
    OutOfTime,
    JustInTime,
    Blocks,
    Portal,
    Thread,
    Blocking,
    Refused,
    HostCancelled,
    HostCancelledInThread,
    Forks,
)
