"""One call of a coroutine function: its coroutine, the thread that waits for it, and what it came to."""

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from types import CoroutineType, TracebackType
from typing import Any, Self

from reference_app.bridging.errors import (
    BridgeCancelled,
    BridgeClosed,
    BridgeError,
    BridgeMisuse,
    BridgeTimeout,
)
from reference_app.bridging.scopes import Scope

GRACE_S = 0.05
"""How long a caller whose time is up waits for the coroutine's own clean-up."""

_SLICE_S = 1.0
"""A waiting caller looks this often whether the loop that it waits for still runs."""


class Outcome:
    """What a piece of work came to, its value or any exception: `with outcome:` catches, `take` gives it back."""

    value: Any = None
    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return error is not None

    def of(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a sync function, and be what that comes to."""
        with self:
            self.value = function(*args)

    def take(self) -> Any:
        """The value, or the same exception raised; no reference is kept."""
        value, error = self.value, self.error
        self.value = self.error = None
        if error is None:
            return value
        try:
            raise error
        finally:
            del error


class Call(Outcome):
    """One call of a coroutine function. `main` is its coroutine, which never raises: the outcome is shipped.

    `when_settled` is told on the thread that runs the loop. A call that another thread waits for was first made
    `awaited`; only such a call has `done`, which is released whenever its thread should look again.
    """

    # Defaults of the class, which cost nothing where a call ends in its first step.
    settled = False
    interrupted = False
    seen = False
    ended_by: type[BridgeError] | None = None
    task: asyncio.Task[None] | None = None
    loop: asyncio.AbstractEventLoop | None = None
    done: "threading.Lock | None" = None  # a string: it is no class before 3.13
    when_settled: "Callable[[Call], object] | None" = None
    _watched = False

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        context: Context,
        scope: Scope | None = None,
    ) -> None:
        self._function = function
        self._args = args
        self.context = context
        self.scope = scope

    async def main(self) -> None:
        """Run the function, unless the call was cancelled before it came to that."""
        if self._watched and self.task is not None:
            self.task.remove_done_callback(self._never_began)
        try:
            if self.ended_by is not None:
                raise asyncio.CancelledError  # noqa: TRY301  # one way out for all that the call can come to
            awaitable = self._function(*self._args)
            self.value = await (awaitable if type(awaitable) is CoroutineType else coroutine_of(awaitable))
        except BaseException as error:  # noqa: BLE001  # it is the caller's, whatever it is
            self.error = error
            self.interrupted = isinstance(error, KeyboardInterrupt)
        try:
            self.settle()
        except KeyboardInterrupt:  # it came in the midst, where somebody would wait for ever
            self.interrupted = True
            self.settle()

    def settle(self) -> None:
        """The coroutine has ended."""
        self.settled = True
        self.task = None
        if self.when_settled is not None:
            self.when_settled(self)

    def awaited(self, loop: asyncio.AbstractEventLoop, when_settled: "Callable[[Call], object]") -> None:
        """Prepare for being run on `loop` while this thread waits."""
        self.loop = loop
        self.done = threading.Lock()
        self.done.acquire()
        self.when_settled = when_settled

    def post(self) -> None:
        """Have the loop start the call; raises `BridgeClosed` where the loop has ended."""
        assert self.loop is not None
        try:
            self.loop.call_soon_threadsafe(self._start, context=self.context)
        except RuntimeError:  # the loop is closed; nothing of the caller's runs inside this call
            raise BridgeClosed(
                "the loop of this call is closed: make a new bridge in the new process life"
            ) from None

    def wait(self, alive: Callable[[], bool]) -> None:
        """Return once the call has settled, or its time is up or it was cancelled and has had its grace.

        `alive` is asked now and then whether the loop still runs; where it does not, the call ends.
        """
        try:
            while not self.settled and self.ended_by is None:
                left_s = _SLICE_S if self.scope is None else min(_SLICE_S, self.scope.left_s())
                if not left_s:
                    self.cancel(BridgeTimeout)
                elif not self.look(left_s):
                    self._find_out(alive)
        finally:
            # Also where the wait itself was interrupted, by Ctrl-C say: the coroutine must not go on alone.
            if not self.settled:
                self.cancel(BridgeCancelled)
                self.linger(GRACE_S, lambda: self.settled)

    def begins_later(self, task: "asyncio.Task[None]") -> None:
        """The task of this call has not had its first step; cancelled before that, it never enters `main`."""
        self.task = task
        self._watched = True
        task.add_done_callback(self._never_began)

    def _find_out(self, alive: Callable[[], bool]) -> None:
        """Nothing was heard for a while: end the call where its loop or its task has gone without a word."""
        if self.task is not None and self.task.done():
            self.settle()
        elif not alive():
            self.cancel(BridgeClosed)

    def look(self, timeout_s: float) -> bool:
        """Wait to be told to look again, at most so long; whether it came to that."""
        assert self.done is not None
        return self.done.acquire(timeout=timeout_s)

    def linger(self, timeout_s: float, enough: Callable[[], bool]) -> None:
        """Wait until it is `enough`, at most so long."""
        end = time.monotonic() + timeout_s
        while not enough() and (left_s := end - time.monotonic()) > 0:
            self.look(left_s)

    def wake(self) -> None:
        """Let the waiting thread look again."""
        if self.done is not None:
            try:  # noqa: SIM105  # the context manager takes as long as all the rest
                self.done.release()
            except RuntimeError:  # it was told already, and has not looked yet
                pass

    def result(self) -> Any:
        """What the call came to: its value, what it raised, or why the bridge ended it. No reference is kept."""
        error, ended_by = self.error, self.ended_by
        if error is None and ended_by is None:
            value, self.value = self.value, None
            return value
        del error
        if ended_by is not None and (not self.settled or isinstance(self.error, asyncio.CancelledError)):
            self.value = self.error = None
            raise ended_by
        return self.take()

    def cancel(self, reason: type[BridgeError]) -> None:
        """Cancel the coroutine, and the calls under it, from any thread. The first reason stands."""
        if self.ended_by is None:
            self.ended_by = reason
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # a closed loop has cancelled it already
                self.loop.call_soon_threadsafe(self._cancel_on_loop)
        if self.scope is not None:
            self.scope.cancel()
        self.wake()

    def _never_began(self, _: "asyncio.Task[None]") -> None:
        self.error = asyncio.CancelledError()
        self.settle()

    def _start(self) -> None:
        assert self.loop is not None
        self.begins_later(self.loop.create_task(self.main(), context=self.context))

    def _cancel_on_loop(self) -> None:
        # Once only: a second time would interrupt the clean-up.
        if not self.seen and self.task is not None:
            self.task.cancel()
        self.seen = True
        self.wake()


def coroutine_of(result: Any) -> Coroutine[Any, Any, Any]:
    """What a coroutine function returned, as a coroutine; raises `BridgeMisuse` where it cannot be awaited."""
    if inspect.iscoroutine(result):
        return result
    if inspect.isawaitable(result):
        return _awaited(result)
    raise BridgeMisuse(
        f"a coroutine function is needed, this one returned {type(result).__name__}: call it itself"
    )


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def unusable(function: Any, *, closed: bool) -> BridgeError:
    """Why there can be no call. A coroutine is closed, so that nobody is told that it was never awaited."""
    is_coroutine = inspect.iscoroutine(function)
    if is_coroutine:
        function.close()
    if closed:
        return BridgeClosed()
    if is_coroutine:
        return BridgeMisuse("pass the coroutine function and its arguments, not a coroutine")
    return BridgeMisuse(f"a coroutine function is needed, not {type(function).__name__}")
