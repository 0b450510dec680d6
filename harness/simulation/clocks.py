"""The clocks of the process: virtual for the threads of a run, real for all others.

All are bound methods of one object, so that they may be held wherever the real functions were: a plain function in a
class would become a method of it.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import struct_time
from typing import Any

from harness.simulation.baton import get_ident
from harness.simulation.scheduler import ACTIVE, START_S, Scheduler, here

EPOCH_S = 1_767_225_600.0
"""When every run begins: 2026-01-01T00:00:00Z."""

_NS = 1_000_000_000
_REAL: dict[str, Any] = {name: getattr(time, name) for name in dir(time) if not name.startswith("_")}
_monotonic = time.monotonic
_REAL_NOW: Any = dt.datetime.__dict__["now"]
_REAL_UTCNOW: Any = dt.datetime.__dict__["utcnow"]
_MONOTONIC_IDS = {
    getattr(time, name)
    for name in dir(time)
    if name in ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC_COARSE")
}
_WALL_IDS = {time.CLOCK_REALTIME, getattr(time, "CLOCK_TAI", time.CLOCK_REALTIME)}


def _read() -> Scheduler | None:
    """The run of the calling thread."""
    scheduler = here()
    if scheduler is not None:
        scheduler.poll()
    return scheduler


class Clock:
    """Twins of what the `time` module reads, under the names that it has there."""

    def monotonic(self) -> float:
        """Seconds."""
        # Every loop reads it for every timer: `_read`, without its calls.
        scheduler = ACTIVE.scheduler
        if scheduler is None or scheduler.current.ident != get_ident():
            return _monotonic()
        scheduler.poll()
        return scheduler.now

    def perf_counter(self) -> float:
        """Seconds."""
        scheduler = _read()
        return float(_REAL["perf_counter"]()) if scheduler is None else scheduler.now

    def time(self) -> float:
        """Seconds since 1970."""
        scheduler = _read()
        return float(_REAL["time"]()) if scheduler is None else WALL.read(scheduler)

    def process_time(self) -> float:
        """Seconds; computing takes no virtual time, so it is the time that has passed."""
        scheduler = _read()
        return float(_REAL["process_time"]()) if scheduler is None else scheduler.now - START_S

    def thread_time(self) -> float:
        """As `process_time`."""
        scheduler = _read()
        return float(_REAL["thread_time"]()) if scheduler is None else scheduler.now - START_S

    def monotonic_ns(self) -> int:
        """Nanoseconds."""
        return self._ns("monotonic")

    def perf_counter_ns(self) -> int:
        """Nanoseconds."""
        return self._ns("perf_counter")

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self._ns("time")

    def process_time_ns(self) -> int:
        """Nanoseconds."""
        return self._ns("process_time")

    def thread_time_ns(self) -> int:
        """Nanoseconds."""
        return self._ns("thread_time")

    def sleep(self, seconds: float) -> None:
        """Let so much virtual time pass for the calling thread."""
        scheduler = here()
        if scheduler is None:
            _REAL["sleep"](seconds)
        elif seconds < 0:
            raise ValueError("sleep length must be non-negative")
        else:
            scheduler.sleep("time.sleep", seconds)

    def clock_gettime(self, clock: int) -> float:
        """Seconds of a clock by its number."""
        if here() is None:
            return float(_REAL["clock_gettime"](clock))
        if clock in _WALL_IDS:
            return self.time()
        return self.monotonic() if clock in _MONOTONIC_IDS else self.process_time()

    def clock_gettime_ns(self, clock: int) -> int:
        """Nanoseconds of a clock by its number."""
        if here() is None:
            return int(_REAL["clock_gettime_ns"](clock))
        return round(self.clock_gettime(clock) * _NS)

    def localtime(self, seconds: float | None = None) -> struct_time:
        """The local time, now where none is given."""
        return _struct("localtime", self.time() if seconds is None else seconds)

    def gmtime(self, seconds: float | None = None) -> struct_time:
        """The time in UTC, now where none is given."""
        return _struct("gmtime", self.time() if seconds is None else seconds)

    def ctime(self, seconds: float | None = None) -> str:
        """The local time as text, now where none is given."""
        return str(_REAL["ctime"](self.time() if seconds is None else seconds))

    def asctime(self, when: Any = None) -> str:
        """A time as text, now where none is given."""
        return str(_REAL["asctime"](self.localtime() if when is None else when))

    def strftime(self, form: str, when: Any = None) -> str:
        """A time in some form, now where none is given."""
        return str(_REAL["strftime"](form, self.localtime() if when is None else when))

    def _ns(self, name: str) -> int:
        if here() is None:
            return int(_REAL[f"{name}_ns"]())
        seconds: float = getattr(self, name)()
        return round(seconds * _NS)


class Wall:
    """The wall clock of the runs, which may be wrong."""

    def __init__(self) -> None:
        self._ahead_s: Callable[[], float] | None = None

    @contextmanager
    def moved(self, ahead_s: Callable[[], float]) -> Iterator[None]:
        """Within the block it is so many seconds ahead, asked at each reading; one that is behind says less than 0."""
        before, self._ahead_s = self._ahead_s, ahead_s
        try:
            yield
        finally:
            self._ahead_s = before

    def read(self, scheduler: Scheduler) -> float:
        """Seconds since 1970."""
        right = EPOCH_S + (scheduler.now - START_S)
        return right if self._ahead_s is None else right + self._ahead_s()


WALL = Wall()


def _struct(name: str, seconds: float) -> struct_time:
    found: struct_time = _REAL[name](seconds)
    return found


def now(cls: Any, tz: Any = None) -> Any:
    """`datetime.now`, which reads no clock of the `time` module."""
    scheduler = _read()
    if scheduler is None:
        return _REAL_NOW.__get__(None, cls)(tz)
    return cls.fromtimestamp(WALL.read(scheduler), tz)


def utcnow(cls: Any) -> Any:
    """`datetime.utcnow`."""
    scheduler = _read()
    if scheduler is None:
        return _REAL_UTCNOW.__get__(None, cls)()
    return cls.fromtimestamp(WALL.read(scheduler), dt.UTC).replace(tzinfo=None)


CLOCK = Clock()
TWINS = [(_REAL[name], getattr(CLOCK, name)) for name in dir(Clock) if not name.startswith("_")]
