"""The wall clock of a live process, which faults may move: it reads what the machine's reads, and the shift more.

Only what tells the time of day is stood in for. What measures, as `time.monotonic`, is the machine's own; so is what
reads the clock in C without asking Python, as `datetime('now')` in SQLite.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from harness.simulation.clocks import Clock
from harness.simulation.rebind import attribute, entry

_NS = 1_000_000_000
NAMES = (
    "time",
    "time_ns",
    "clock_gettime",
    "clock_gettime_ns",
    "localtime",
    "gmtime",
    "ctime",
    "asctime",
    "strftime",
)
"""What the `time` module tells the time of day by."""


class LiveClock(Clock):
    """The machine's clock, and so many seconds more as `shift` says, asked at every reading."""

    def __init__(self, shift: Callable[[], float]) -> None:
        self._shift = shift
        self._time, self._time_ns = time.time, time.time_ns
        self._gettime, self._gettime_ns = time.clock_gettime, time.clock_gettime_ns
        self._now: Any = dt.datetime.__dict__["now"]
        self._utcnow: Any = dt.datetime.__dict__["utcnow"]

    def time(self) -> float:
        """Seconds since 1970."""
        return self._time() + self._shift()

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self._time_ns() + round(self._shift() * _NS)

    def clock_gettime(self, clock: int) -> float:
        """Seconds of a clock by its number."""
        right = self._gettime(clock)
        return right + self._shift() if clock == time.CLOCK_REALTIME else right

    def clock_gettime_ns(self, clock: int) -> int:
        """Nanoseconds of a clock by its number."""
        right = self._gettime_ns(clock)
        return right + round(self._shift() * _NS) if clock == time.CLOCK_REALTIME else right

    def now(self, cls: Any, tz: Any = None) -> Any:
        """`datetime.now`, which reads no clock of the `time` module."""
        ahead_s = self._shift()
        if not ahead_s:
            return self._now.__get__(None, cls)(tz)
        return cls.fromtimestamp(self._time() + ahead_s, tz)

    def utcnow(self, cls: Any) -> Any:
        """`datetime.utcnow`."""
        ahead_s = self._shift()
        if not ahead_s:
            return self._utcnow.__get__(None, cls)()
        return cls.fromtimestamp(self._time() + ahead_s, dt.UTC).replace(tzinfo=None)


def install(shift: Callable[[], float]) -> None:
    """Put the clock in place for as long as the process lives: before the app is imported, which may hold `time.time`."""
    clock = LiveClock(shift)
    for name in NAMES:
        attribute(time, name, getattr(clock, name))
    # `datetime.today` and `date.today` ask `time.time`; these two do not.
    entry(dt.datetime, "now", classmethod(lambda cls, tz=None: clock.now(cls, tz)))
    utcnow = classmethod(lambda cls: clock.utcnow(cls))  # noqa: PLW0108  # a bound method would get no class
    entry(dt.datetime, "utcnow", utcnow)
