"""Calling async code from sync code, from every kind of thread, and the ways into sync code that make it cheap.

| the calling thread | what happens |
|---|---|
| has no running loop, none adopted | the coroutine runs here, on the bridge's own loop; with a timeout, in a thread behind |
| has no running loop, one adopted | the coroutine runs on the adopted loop, where the pooled connections live |
| is a worker thread of `thread` | the same, on the loop that it was entered from |
| is a running loop's own, in `portal` | the task that entered the portal awaits it; the loop ticks meanwhile |
| is a running loop's own, elsewhere | refused, or (`block`) the loop stands still until the bridge's own loop has run it |
"""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Literal, TypeVar

from reference_app.bridging import portal, process
from reference_app.bridging.baton import Baton
from reference_app.bridging.calls import Call, Outcome, coroutine_of, unusable
from reference_app.bridging.errors import (
    BridgeCancelled,
    BridgeClosed,
    BridgeError,
    BridgeMisuse,
    BridgeOnLoop,
    BridgeReentry,
    BridgeTimeout,
)
from reference_app.bridging.loop import BatonLoop, running_loop, serves
from reference_app.bridging.portal import current_greenlet
from reference_app.bridging.scopes import SCOPE, CancelToken, Scope, bind, bounds, copy_back, release
from reference_app.bridging.workers import Workers
from reference_app.logger import Logger

__all__ = [
    "Bridge",
    "BridgeCancelled",
    "BridgeClosed",
    "BridgeError",
    "BridgeMisuse",
    "BridgeOnLoop",
    "BridgeReentry",
    "BridgeTimeout",
    "CancelToken",
]

T = TypeVar("T")


class Bridge:
    """From sync code into async code by `run`, from async code into sync code by `portal` and `thread`.

    `log` is told of a blocked loop (`bridge_blocked_loop`, with `blocked_ms`) and of one that stood still and was
    replaced (`bridge_loop_replaced`). `step_at_once` runs a first step without a turn of the loop, by public methods of
    asyncio: about half the cost of a call.

    The bridge's own loop runs while it has calls, tasks or callbacks; a timer alone does not keep it going. In a pool
    of few threads (FastAPI's `def` routes) pass a timeout: where all of them wait for coroutines that need a thread of
    the same pool, nothing else ends the wait.
    """

    def __init__(self, *, log: Logger, step_at_once: bool = True) -> None:
        self._log = log
        self._step_at_once = step_at_once
        self._lock = threading.Lock()
        self._owner: asyncio.AbstractEventLoop | None = None
        self._baton: Baton | None = None
        self._workers = Workers()
        self._closed = False
        self._exiting = False
        self._of_the_parent: Baton | None = None
        process.watch(self)

    def adopt(self) -> None:
        """Make the running loop the one on which calls from threads without a loop run; called on it."""
        if self._closed:
            raise BridgeClosed
        self._owner = asyncio.get_running_loop()

    def run(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float | None = None,
        cancel: CancelToken | None = None,
        copy_context_back: bool = False,
        when_on_loop: Literal["refuse", "block"] = "refuse",
    ) -> T:
        """Call a coroutine function from sync code: its value, or the very exception that it raised.

        `timeout` is in seconds; a nested call never outlives the one around it. `cancel` ends the call from another
        thread. The coroutine sees the caller's context variables; with `copy_context_back` the caller also sees those
        that it set. `when_on_loop` says what happens on a running loop's own thread outside of a portal; `block`
        needs a timeout.

        Raises:
            BridgeMisuse: not a coroutine function, or a negative or NaN timeout.
            BridgeTimeout: the time was up; the coroutine was cancelled.
            BridgeCancelled: the token, or the task that waits for this thread, was cancelled; so was the coroutine.
            BridgeOnLoop, BridgeReentry, BridgeClosed: it cannot run here; the text says what to do.
        """
        if self._closed or not callable(function):
            raise unusable(function, closed=self._closed)
        outer = SCOPE.get()
        context = copy_context()
        scope = None
        if outer is not None or timeout is not None or cancel is not None:
            scope = bounds(outer, timeout, cancel)
            context.run(SCOPE.set, scope)
        try:
            value: T
            if getattr(entered := current_greenlet(), "portal_is_open", False):
                value = portal.call_out(entered, coroutine_of(function(*args)), context, scope, cancel)
            else:
                call = Call(function, args, context, scope)
                here = running_loop()
                if here is not None:
                    self._block(call, here, cancel, when_on_loop)
                elif scope is None and self._owner is None and not self._exiting:
                    while not self._run_on(self._baton or self._own(), call):
                        pass
                else:
                    self._away(call, cancel)
                value = call.result()
            return value
        finally:
            if scope is not None and not scope.cancelled:
                # A task that the coroutine left behind is no part of this call any more.
                scope.deadline = math.inf if outer is None else outer.deadline
            if copy_context_back:
                copy_back(context)

    async def portal(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function here, on the loop's own thread; `run` inside it lets the loop tick.

        A cancellation of this task is thrown into the coroutine that the function is waiting for.
        """
        value: T = await portal.enter(function, args)
        return value

    async def thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function in a worker thread, with this task's context variables; its calls run on this loop.

        A cancellation of this task cancels the calls that the function makes by `run`; the thread itself goes
        on until the function ends.
        """
        scope = (SCOPE.get() or Scope()).inner(None)
        scope.home = loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(SCOPE.set, scope)
        outcome, told = Outcome(), asyncio.Event()
        work = partial(context.run, outcome.of, function, *args)
        self._workers.run(work, partial(loop.call_soon_threadsafe, told.set))
        try:
            await told.wait()
        except asyncio.CancelledError:
            scope.cancel()
            raise
        value: T = outcome.take()
        return value

    def close(self) -> None:
        """End the bridge's own loop; calls in flight on it are cancelled and raise `BridgeClosed`."""
        with self._lock:
            self._closed = True
            baton, self._baton = self._baton, None
        self._workers.close()
        if baton is not None:
            baton.end()

    def at_exit(self) -> None:
        """The interpreter ends: as `close`, but calls that need no thread are still served, each on its own loop."""
        with self._lock:
            self._exiting = True
            baton, self._baton = self._baton, None
        if baton is not None:
            baton.end()

    def after_fork(self) -> None:
        """In the child of a fork, which has none of the threads: begin anew."""
        self._lock = threading.Lock()
        self._owner, self._workers = None, Workers()
        self._of_the_parent, self._baton = self._baton, None
        if (
            self._of_the_parent is not None
        ):  # and kept, for to collect it would be to close what the parent uses
            self._of_the_parent.loop.abandon()

    def _away(self, call: Call, token: CancelToken | None) -> None:
        """Run a call for a thread that has no loop."""
        loop = self._loop_of_others(call.scope)
        if loop is not None:
            self._post(call, loop, token)
        elif call.scope is not None:
            self._run_bounded(call, token)
        else:  # the interpreter is ending
            baton = self._new()
            try:
                baton.run(call)
            finally:
                baton.end()

    def _loop_of_others(self, scope: Scope | None) -> asyncio.AbstractEventLoop | None:
        """The loop of the call around this one, or the adopted one; None where our own shall run the call.

        The one around comes first: where it blocks the adopted loop, that loop could not run this one.
        """
        home = None if scope is None else scope.home_here()
        if isinstance(home, BatonLoop) and home.bridge() is self:
            return None
        if home is not None and serves(home):
            return home
        if self._owner is None:
            return None
        if not self._owner.is_running():
            raise BridgeClosed("the adopted loop has ended: call while the application runs")
        return self._owner

    def _post(self, call: Call, loop: asyncio.AbstractEventLoop, token: CancelToken | None) -> None:
        call.awaited(loop, Call.wake)
        if call.scope is not None:
            call.scope.home = loop
        ended_by = bind(call, SCOPE.get(), token)
        try:
            if call.ended_by is None:
                call.post()
                call.wait(loop.is_running)
        finally:
            release(call, ended_by)

    def _run_bounded(self, call: Call, token: CancelToken | None) -> None:
        if self._exiting:
            raise BridgeClosed("the interpreter is ending: call without a timeout, or earlier")
        ended_by = bind(call, SCOPE.get(), token)
        try:
            while not (call.ended_by or self._run_on(self._baton or self._own(), call)):
                pass
        finally:
            release(call, ended_by)

    def _run_on(self, baton: Baton, call: Call) -> bool:
        """Run a call on one of our loops; False where that has ended, or stands still, and there will be another."""
        try:
            accepted = baton.run(call) if call.scope is None else baton.run_bounded(call, call.scope)
        except BaseException:
            baton.mend()
            raise
        if baton.stands_still:
            # Later calls get another loop: this one would hold them all up.
            with self._lock:
                replaced, self._baton = self._baton is baton, None if self._baton is baton else self._baton
            if replaced:
                self._log.warning("bridge_loop_replaced")
            baton.retire()
        return accepted

    def _block(
        self,
        call: Call,
        here: asyncio.AbstractEventLoop,
        token: CancelToken | None,
        when_on_loop: Literal["refuse", "block"],
    ) -> None:
        """Run a call for a running loop's own thread, or refuse to."""
        if isinstance(here, BatonLoop) and here.bridge() is self:
            raise BridgeReentry
        if when_on_loop == "refuse":
            raise BridgeOnLoop
        if when_on_loop != "block":
            raise BridgeMisuse("`when_on_loop` is 'refuse' or 'block'")
        if call.scope is None or call.scope.deadline == math.inf:
            raise BridgeMisuse("to block a running loop needs a timeout")
        began = time.monotonic()
        try:
            self._run_bounded(call, token)
        finally:
            self._log.warning("bridge_blocked_loop", blocked_ms=round((time.monotonic() - began) * 1000, 3))

    def _own(self) -> Baton:
        """The bridge's own loop."""
        with self._lock:
            if self._closed or self._exiting:
                raise BridgeClosed
            self._baton = self._baton or self._new()
            return self._baton

    def _new(self) -> Baton:
        return Baton(BatonLoop(bridge=self, steps=self._step_at_once))
