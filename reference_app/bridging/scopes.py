"""What bounds a call, and the calls that are made under it in whatever thread: a deadline, and cancellation."""

import asyncio
import math
import os
import threading
import time
from contextvars import Context, ContextVar
from typing import Any, Protocol

from reference_app.bridging.errors import BridgeCancelled, BridgeError, BridgeMisuse


class Cancellable(Protocol):
    """A call in flight."""

    def cancel(self, reason: type[BridgeError]) -> None:
        """Cancel it, from any thread."""


class CancelToken:
    """Cancels the calls that it was given to, those in flight and those to come, from any thread."""

    def __init__(self) -> None:
        self._calls: set[Cancellable] = set()
        self._cancelled = False
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel; the callers are freed with `BridgeCancelled`. A second time does nothing."""
        with self._lock:
            self._cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.cancel(BridgeCancelled)

    def add(self, call: Cancellable) -> None:
        """Have `cancel` reach this call; where the token is cancelled already, at once."""
        with self._lock:
            self._calls.add(call)
            cancelled = self._cancelled
        if cancelled:
            call.cancel(BridgeCancelled)

    def discard(self, call: Cancellable) -> None:
        """The call has ended."""
        with self._lock:
            self._calls.discard(call)


class Scope(CancelToken):
    """What bounds the calls made under it, in any thread: a deadline (monotonic seconds) and cancellation.

    `home` is the loop that the calls belong to, None where there is none.
    """

    def __init__(self, deadline: float = math.inf, home: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__()
        self.deadline = deadline
        self.home = home
        self._pid = os.getpid()

    def inner(self, timeout_s: float | None) -> "Scope":
        """A scope within this one: its deadline is the earlier one."""
        ends_at = math.inf if timeout_s is None else time.monotonic() + timeout_s
        return Scope(min(self.deadline, ends_at), self.home_here())

    def left_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - time.monotonic())

    def home_here(self) -> asyncio.AbstractEventLoop | None:
        """The home, if it is of this process: after a fork it looks as if it ran, and has no thread."""
        return self.home if self._pid == os.getpid() else None


SCOPE: ContextVar[Scope | None] = ContextVar("bridge_scope", default=None)
"""The scope in hand. anyio's and asyncio's worker threads carry it along, so that it bounds nested calls too."""


def bounds(outer: Scope | None, timeout: Any, cancel: Any) -> Scope:
    """The scope of a call that is made under another, with a timeout in seconds of its own; raises `BridgeMisuse`."""
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and timeout >= 0):
        raise BridgeMisuse("a timeout is a number of seconds, zero or more")
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise BridgeMisuse(f"what cancels a call is a CancelToken, not {type(cancel).__name__}")
    try:
        return (outer or Scope()).inner(timeout)
    except OverflowError:
        raise BridgeMisuse("a timeout is a number of seconds that can be counted") from None


def bind(call: Cancellable, *enders: CancelToken | None) -> list[CancelToken]:
    """Have each of these end the call; those that there are, for `release`."""
    bound = [ender for ender in enders if ender is not None]
    for ender in bound:
        ender.add(call)
    return bound


def release(call: Cancellable, bound: list[CancelToken]) -> None:
    """The call has ended."""
    for ender in bound:
        ender.discard(call)


def copy_back(context: Context) -> None:
    """Set here what was set in a context, but for the scope."""
    for variable, value in context.items():
        if variable is not SCOPE and variable.get(_NOTHING) is not value:
            variable.set(value)


_NOTHING = object()
