"""Calling async code from sync code, from every kind of thread, and the ways into sync code that make it cheap.

| the calling thread | what happens |
|---|---|
| has no running loop, none adopted | the coroutine runs on the bridge's own loop, in a thread behind |
| has no running loop, one adopted | the coroutine runs on the adopted loop, where the pooled connections live |
| is a running loop's own, in `portal` | the task that entered the portal awaits it; the loop ticks meanwhile |
| is a running loop's own, elsewhere | refused, or (`block`) the loop stands still until the bridge's own loop has run it |
"""

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any, Literal, TypeVar

from reference_app import portal
from reference_app.calls import (
    SCOPE,
    BridgeClosed,
    BridgeError,
    BridgeMisuse,
    BridgeOnLoop,
    BridgeReentry,
    BridgeTimeout,
    Call,
    Outcome,
    Scope,
    begin,
)
from reference_app.observability import Logger

__all__ = [
    "Bridge",
    "BridgeClosed",
    "BridgeError",
    "BridgeMisuse",
    "BridgeOnLoop",
    "BridgeReentry",
    "BridgeTimeout",
]

WORKERS_MAX = 32

T = TypeVar("T")


class Bridge:
    """The ways from sync code into async code (`run`) and from async code into sync code (`portal`, `thread`).

    `log` is told of a blocked loop (`bridge_blocked_loop`, with `blocked_ms`), and of nothing else.
    """

    def __init__(self, *, log: Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._owner: asyncio.AbstractEventLoop | None = None
        self._background: _Background | None = None
        self._workers: ThreadPoolExecutor | None = None
        self._closed = False

    def adopt(self) -> None:
        """Make the running loop the one on which calls from threads without a loop run; called on it."""
        self._refuse_closed()
        self._owner = asyncio.get_running_loop()

    def run(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float | None = None,
        copy_context_back: bool = False,
        when_on_loop: Literal["refuse", "block"] = "refuse",
    ) -> T:
        """Call a coroutine function from sync code: its value, or the very exception that it raised.

        `timeout` is in seconds; a nested call never outlives the one around it. The coroutine sees the caller's
        context variables; with `copy_context_back` the caller also sees those that it set. `when_on_loop` says
        what happens on a running loop's own thread outside of a portal; `block` needs a timeout.

        Raises:
            BridgeMisuse: not a coroutine function, or a negative or NaN timeout.
            BridgeTimeout: the time was up; the coroutine was cancelled.
            BridgeOnLoop, BridgeReentry, BridgeClosed: it cannot run here; the text says what to do.
        """
        _check(function, timeout)
        self._refuse_closed()
        outer = SCOPE.get() or Scope()
        scope = outer.inner(timeout)
        context = copy_context()
        context.run(SCOPE.set, scope)
        try:
            value: T = self._enter(function, args, context, scope, when_on_loop)
            scope.deadline = outer.deadline  # for a task left behind, which is no part of this call any more
            return value
        finally:
            if copy_context_back:
                _copy_back(context)

    async def portal(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function here, on the loop's own thread; `run` inside it lets the loop tick.

        A cancellation of this task is thrown into the coroutine that the function is waiting for.
        """
        value: T = await portal.enter(function, args)
        return value

    async def thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a sync function in a worker thread, with this task's context variables.

        A cancellation of this task cancels the calls that the function makes by `run`; the thread itself goes
        on until the function ends.
        """
        self._refuse_closed()
        scope = (SCOPE.get() or Scope()).inner(None)
        context = copy_context()
        context.run(SCOPE.set, scope)
        outcome = Outcome()

        def work() -> None:
            # The outcome is shipped rather than left to the future, which cannot carry a StopIteration.
            with outcome:
                outcome.value = context.run(function, *args)

        try:
            await asyncio.get_running_loop().run_in_executor(self._pool(), work)
        except asyncio.CancelledError:
            scope.cancel()
            raise
        value: T = outcome.take()
        return value

    def close(self) -> None:
        """End the bridge's own loop; calls in flight on it are cancelled and raise `BridgeClosed`."""
        with self._lock:
            self._closed = True
            background, self._background = self._background, None
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.shutdown(wait=False, cancel_futures=True)
        if background is not None:
            background.stop()

    def _enter(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        context: Context,
        scope: Scope,
        when_on_loop: Literal["refuse", "block"],
    ) -> Any:
        """The calling thread decides the way in."""
        here = _running_loop()
        if here is None:
            return self._wait(Call(function, args, loop=self._away(scope), context=context, scope=scope))
        if portal.in_portal():
            scope.home = here
            return portal.call_out(context.run(begin, function, args), context, scope)
        if when_on_loop == "refuse":
            raise BridgeOnLoop(
                "a loop runs in this thread: use `await`, or enter by `await bridge.portal(...)` or "
                "`await bridge.thread(...)`"
            )
        return self._block(here, Call(function, args, loop=self._own_loop(), context=context, scope=scope))

    def _wait(self, call: Call) -> Any:
        outer = SCOPE.get()
        if outer is not None:
            outer.add(call)
        try:
            call.post()
            in_time = call.wait()
        finally:
            if outer is not None:
                outer.discard(call)
        if not call.settled or isinstance(call.outcome.error, asyncio.CancelledError):
            if not in_time:
                raise BridgeTimeout(
                    "the call did not end in its time: give it more, or make the work shorter"
                )
            self._refuse_closed()
        return call.outcome.take()

    def _block(self, here: asyncio.AbstractEventLoop, call: Call) -> Any:
        if call.loop is here:
            raise BridgeReentry("this is the bridge's own loop, which would wait for itself: use `await`")
        if call.scope.deadline == math.inf:
            raise BridgeMisuse("to block a running loop needs a timeout")
        began = time.monotonic()
        try:
            return self._wait(call)
        finally:
            self._log.warning("bridge_blocked_loop", blocked_ms=round((time.monotonic() - began) * 1000, 3))

    def _away(self, scope: Scope) -> asyncio.AbstractEventLoop:
        """The loop for a thread that has none: that of the call around this one, the adopted one, or our own.

        The one around comes first: where it blocks the adopted loop, that loop could not run this one.
        """
        if scope.home is not None and scope.home.is_running():
            return scope.home
        owner = self._owner
        if owner is None:
            return self._own_loop()
        if not owner.is_running():
            raise BridgeClosed("the adopted loop has ended: call while the application runs")
        return owner

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            self._refuse_closed()
            if self._background is None:
                self._background = _Background()
            return self._background.loop

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            self._refuse_closed()
            if self._workers is None:
                self._workers = ThreadPoolExecutor(WORKERS_MAX, thread_name_prefix="bridge-worker")
            return self._workers

    def _refuse_closed(self) -> None:
        if self._closed:
            raise BridgeClosed("the bridge is closed: call while the application runs")


class _Background:
    """A loop that runs in a daemon thread until it is stopped."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.loop.call_soon(ready.set)
        self._thread = threading.Thread(target=self._drive, name="bridge-loop", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cancel what runs, close the loop, and wait for it, though not for ever."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=1.0)

    def _drive(self) -> None:
        self.loop.run_forever()
        self.loop.run_until_complete(self._drain())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _drain(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # says that there is none; nothing else runs inside this
        return None


def _check(function: Any, timeout: float | None) -> None:
    if inspect.iscoroutine(function):
        function.close()
        raise BridgeMisuse("pass the coroutine function and its arguments, not a coroutine")
    if not callable(function):
        raise BridgeMisuse(f"a coroutine function is needed, not {type(function).__name__}")
    if timeout is not None and not timeout >= 0:
        raise BridgeMisuse("a timeout is a number of seconds, zero or more")


def _copy_back(context: Context) -> None:
    for variable, value in context.items():
        if variable is not SCOPE and variable.get(_NOTHING) is not value:
            variable.set(value)


_NOTHING = object()
