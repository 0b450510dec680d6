"""One call across threads: an outcome that can be shipped, the scope that bounds it, and the call itself."""

import asyncio
import contextlib
import inspect
import math
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any, Self

GRACE_S = 0.05
"""How long a caller whose time is up waits for the coroutine's own clean-up."""

_SLICE_S = 1.0
"""A waiting caller looks this often whether the loop that it waits for still runs."""


class BridgeError(Exception):
    """Any refusal of the bridge: the text says what to do instead.

    BridgeError
    ├── BridgeMisuse     the arguments are wrong
    ├── BridgeTimeout    the call did not end in its time (a TimeoutError too)
    ├── BridgeOnLoop     called on a running loop's own thread, outside of a portal
    ├── BridgeReentry    called from a coroutine on the bridge's own loop
    └── BridgeClosed     the bridge, or the loop that it had adopted, has ended
    """


class BridgeMisuse(BridgeError):
    """The arguments are wrong: no coroutine function, or a timeout that is none."""


class BridgeTimeout(BridgeError, TimeoutError):
    """The call did not end in its time; its coroutine was cancelled."""


class BridgeOnLoop(BridgeError):
    """Called on a running loop's own thread, outside of a portal."""


class BridgeReentry(BridgeError):
    """Called from a coroutine on the bridge's own loop, which would wait for itself."""


class BridgeClosed(BridgeError):
    """The bridge, or the loop that it had adopted, has ended."""


class Outcome:
    """What a piece of work came to, its value or any exception: `with outcome:` catches, `take` gives it back."""

    __slots__ = ("error", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return error is not None

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


class Scope:
    """What bounds the calls made under it, in any thread: a deadline (monotonic seconds) and cancellation.

    `home` is the loop that runs the call around them, None where there is none.
    """

    def __init__(self, deadline: float = math.inf, home: asyncio.AbstractEventLoop | None = None) -> None:
        self.deadline = deadline
        self.home = home
        self._calls: set[Call] = set()
        self._cancelled = False
        self._lock = threading.Lock()

    def inner(self, timeout_s: float | None) -> "Scope":
        """A scope within this one: its deadline is the earlier one."""
        if timeout_s is None:
            return Scope(self.deadline, self.home)
        return Scope(min(self.deadline, time.monotonic() + timeout_s), self.home)

    def left_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - time.monotonic())

    def add(self, call: "Call") -> None:
        """Have `cancel` reach this call; where the scope is cancelled already, at once."""
        with self._lock:
            self._calls.add(call)
            cancelled = self._cancelled
        if cancelled:
            call.cancel()

    def discard(self, call: "Call") -> None:
        """The call has ended."""
        with self._lock:
            self._calls.discard(call)

    def cancel(self) -> None:
        """Cancel all calls under this scope, now and later."""
        with self._lock:
            self._cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()


SCOPE: ContextVar[Scope | None] = ContextVar("bridge_scope", default=None)
"""The scope in hand. anyio's and asyncio's worker threads carry it along, so that it bounds nested calls too."""


class Call:
    """One call of a coroutine function on another thread's loop, waited for in this thread."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        scope: Scope,
    ) -> None:
        self.outcome = Outcome()
        self.settled = False
        self._function = function
        self._args = args
        self.loop = loop
        self._context = context
        self.scope = scope
        scope.home = loop
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._done = threading.Lock()
        self._done.acquire()

    def post(self) -> None:
        """Hand the call to its loop; raises `BridgeClosed` where the loop has ended."""
        try:
            self.loop.call_soon_threadsafe(self._start, context=self._context)
        except RuntimeError:  # the loop is closed; nothing of the caller's runs inside this call
            raise BridgeClosed(
                "the loop of this call is closed: make a new bridge in the new process life"
            ) from None

    def wait(self) -> bool:
        """True once the call has settled; False when its time is up and it was cancelled."""
        try:
            while not self._done.acquire(timeout=min(_SLICE_S, self.scope.left_s())):
                if not self.scope.left_s():
                    return False
                if not self.loop.is_running():
                    raise BridgeClosed("the loop of this call has stopped: call while the application runs")
            return True
        finally:
            # Also where the wait itself was interrupted, by Ctrl-C say: the coroutine must not go on alone.
            if not self.settled:
                self.cancel()
                self.scope.cancel()
                self._done.acquire(timeout=GRACE_S)

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread; it never starts if it has not started yet."""
        self._cancelled = True
        with contextlib.suppress(RuntimeError):  # a closed loop has cancelled it already
            self.loop.call_soon_threadsafe(self._cancel_on_loop)

    def _start(self) -> None:
        if self._cancelled:
            self._settle_cancelled()
            return
        self._task = self.loop.create_task(self._main(), context=self._context)
        # A task that is cancelled before its first step never enters its body.
        self._task.add_done_callback(self._ended)

    async def _main(self) -> None:
        with self.outcome as outcome:
            outcome.value = await begin(self._function, self._args)
        self._settle()

    def _cancel_on_loop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, _: "asyncio.Task[None]") -> None:
        self._task = None
        if not self.settled:
            self._settle_cancelled()

    def _settle_cancelled(self) -> None:
        self.outcome.error = asyncio.CancelledError()
        self._settle()

    def _settle(self) -> None:
        self.settled = True
        self._done.release()


def begin(function: Callable[..., Any], args: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
    """Call a coroutine function; raises `BridgeMisuse` where what it returns cannot be awaited."""
    result = function(*args)
    if inspect.iscoroutine(result):
        return result
    if inspect.isawaitable(result):
        return _awaited(result)
    raise BridgeMisuse(
        f"a coroutine function is needed, this one returned {type(result).__name__}: call it itself"
    )


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
