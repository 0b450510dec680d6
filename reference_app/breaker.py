"""A circuit breaker: during an outage a request pays microseconds, not its deadline.

One `CircuitBreaker` stands for one provider and model. It is closed until `failures` counted failures come in a
row, or one that opens it at once, then open for `open_s`, then half-open: one probe at a time, each under a lease.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self


class BreakerState(StrEnum):
    """Where a circuit stands; the values are the metric's labels."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit:
    """Leave to make one call; it is settled once, and leaving its `with` block unsettled releases it.

    A report of a call that was admitted before the circuit last changed is ignored: it says nothing about now.
    """

    __slots__ = ("_breaker", "_era", "_settled")

    def __init__(self, breaker: "CircuitBreaker", era: int) -> None:
        self._breaker = breaker
        self._era = era
        self._settled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._settle(self._breaker._released)

    def succeeded(self) -> None:
        """The provider answered: whatever it said, it is there."""
        self._settle(self._breaker._succeeded)

    def failed(self, *, opens: bool = False) -> None:
        """The call failed in a way that counts: connect, timeout, 5xx or 429; `opens` says that the next will too."""
        self._settle(self._breaker._exhausted if opens else self._breaker._failed)

    def _settle(self, report: Callable[[int], None]) -> None:
        if not self._settled:
            self._settled = True
            report(self._era)


class CircuitBreaker:
    """One circuit for one provider and model; safe to share between threads and loops.

    `failures` counted failures in a row open it for `open_s` seconds. A probe that neither reports nor is
    released (its task was lost) blocks the next probe for `lease_s` seconds only. `clock` gives monotonic
    seconds. `changed(model, state)` is told of each change; it must not call back.
    """

    def __init__(
        self,
        *,
        model: str,
        failures: int,
        open_s: float,
        lease_s: float,
        changed: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._failures_max = failures
        self._open_s = open_s
        self._lease_s = lease_s
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._shut_until = 0.0  # open: the end of the pause; half-open: the end of the probe's lease
        self._era = 0

    @property
    def state(self) -> BreakerState:
        """The state as of the last call; an open circuit turns half-open when the next call asks."""
        return self._state

    def admit(self) -> Permit | None:
        """A permit for one call, or None where the circuit refuses it."""
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return Permit(self, self._era)
            now = self._clock()
            if now < self._shut_until:
                return None
            self._shut_until = now + self._lease_s
            self._enter(BreakerState.HALF_OPEN)
            return Permit(self, self._era)

    def _succeeded(self, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            self._failures = 0
            if self._state is not BreakerState.CLOSED:
                self._enter(BreakerState.CLOSED)

    def _failed(self, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            self._failures += 1
            if self._state is BreakerState.HALF_OPEN or self._failures >= self._failures_max:
                self._open()

    def _exhausted(self, era: int) -> None:
        with self._lock:
            if era == self._era:
                self._open()

    def _released(self, era: int) -> None:
        with self._lock:
            if era == self._era and self._state is BreakerState.HALF_OPEN:
                self._shut_until = self._clock()

    def _open(self) -> None:
        self._failures = 0
        self._shut_until = self._clock() + self._open_s
        self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self._era += 1
        if state is not self._state:
            self._state = state
            self._changed(self._model, state.value)
