"""Calls of the bridge that a test can have in flight at the same time, each with its own value and its own verdict."""

import asyncio
import threading
import time
from typing import Any

from coroutines import HANG_S

from reference_app.bridge import (
    Bridge,
    BridgeCancelled,
    BridgeClosed,
    BridgeTimeout,
    CancelToken,
)
from reference_app.bridging.calls import Outcome

SHORT_S = 0.003


class Own(BaseException):
    """A BaseException of the test's own."""


class Operation:
    """One use of the bridge from one thread. `play` uses it, `judge` says whether it may have come to that.

    `began` counts the coroutines of this operation that have begun, `ended` those whose `finally` has run, and
    `left_running` the tasks that outlive its call.
    """

    value_allowed = True
    errors_allowed: tuple[type[BaseException], ...] = ()

    def __init__(self, bridge: Bridge, suspensions: int, loops: set[asyncio.AbstractEventLoop]) -> None:
        self.bridge = bridge
        self.suspensions = suspensions
        self.loops = loops
        self.own = object()
        self.outcome = Outcome()
        self.answered = 0
        self.began = self.ended = self.left_running = 0
        self.under_way = threading.Event()
        self.done = threading.Event()
        self.sent_to_closed = False
        self.closed_meanwhile = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.outcome.value!r}, {self.outcome.error!r}>"

    def __call__(self) -> None:
        """Use the bridge, and keep what came of it."""
        with self.outcome as outcome:
            outcome.value = self.play()
        self.answered += 1
        self.under_way.set()
        self.done.set()

    def play(self) -> Any:
        return self.bridge.run(self.body)

    async def body(self) -> Any:
        self.loops.add(asyncio.get_running_loop())
        self.began += 1
        self.under_way.set()
        try:
            return await self.work()
        finally:
            self.ended += 1

    async def work(self) -> Any:
        for _ in range(self.suspensions):
            await asyncio.sleep(0)
        return self.own

    @property
    def is_at_rest(self) -> bool:
        """Whether every `finally` has run."""
        return self.began == self.ended and not self.left_running

    def judge(self) -> None:
        """Hold the outcome to what every interleaving must give."""
        value, error = self.outcome.value, self.outcome.error
        assert self.answered == 1, self
        assert self.is_at_rest, self
        if self.sent_to_closed:
            assert isinstance(error, BridgeClosed), self
            assert self.began == 0, self
        elif error is None:
            assert self.value_allowed, self
            assert value is self.own, self
            assert self.began == 1, self
        elif not (self.closed_meanwhile and isinstance(error, BridgeClosed)):
            assert self.may_raise(error), self

    def may_raise(self, error: BaseException) -> bool:
        return isinstance(error, self.errors_allowed)


class Plain(Operation):
    """A coroutine, from a thread without a loop."""


class InTime(Operation):
    def play(self) -> Any:
        return self.bridge.run(self.body, timeout=HANG_S)


class Nested(Operation):
    """The coroutine enters a worker thread, which calls again."""

    def play(self) -> Any:
        return self.bridge.run(self.outer)

    async def outer(self) -> Any:
        return await self.bridge.thread(self.bridge.run, self.body)


class Raises(Operation):
    """An exception, or a BaseException: the same object."""

    value_allowed = False
    kind: type[BaseException] = ValueError

    async def work(self) -> Any:
        await super().work()
        self.own = self.kind("of this operation")
        raise self.own

    def may_raise(self, error: BaseException) -> bool:
        return error is self.own


class RaisesBase(Raises):
    kind = Own


class WantsExit(Raises):
    kind = SystemExit


class LeavesTask(Operation):
    """A task that outlives the call."""

    async def work(self) -> Any:
        self.task = asyncio.ensure_future(self.later())
        return await super().work()

    async def later(self) -> None:
        self.left_running += 1
        try:
            await asyncio.sleep(SHORT_S)
        finally:
            self.left_running -= 1


class OutOfTime(Operation):
    value_allowed = False
    errors_allowed = (BridgeTimeout,)

    def play(self) -> Any:
        return self.bridge.run(self.body, timeout=SHORT_S)

    async def work(self) -> Any:
        await asyncio.Event().wait()


class JustInTime(OutOfTime):
    """The timeout races with the end: the value or the timeout."""

    value_allowed = True

    async def work(self) -> Any:
        await asyncio.sleep(SHORT_S)
        return self.own


class Blocks(JustInTime):
    """The coroutine blocks its thread beyond the timeout."""

    async def work(self) -> Any:
        self.block()
        return self.own

    def block(self) -> None:
        time.sleep(3 * SHORT_S)


class Cancelled(OutOfTime):
    """A token that somebody cancels; `cancelled_first` where that was before the call."""

    errors_allowed = (BridgeCancelled,)

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.token = CancelToken()
        self.cancelled_first = False

    def play(self) -> Any:
        return self.bridge.run(self.body, cancel=self.token)

    def judge(self) -> None:
        super().judge()
        assert not (self.cancelled_first and self.began), self


class CancelledJustInTime(Cancelled):
    """The token races with the end: the value or the cancellation."""

    value_allowed = True
    work = Operation.work
