"""The times in a log: as seconds, and whether they go on."""

import re
from datetime import UTC, date, datetime, time

BACK_S_MAX = 5.0
"""Threads and processes that share a file write out of order by less than that."""

_DAY_S = 86_400.0
_SECONDS_BEHIND_A_POINT = re.compile(r"(\d\d:\d\d)\.(\d\d)(?![\d.])")
_EPOCH = re.compile(r"\d{9,10}(?:\.\d++)?")
_EPOCH_MS = re.compile(r"\d{12,13}")


def seconds(timestamp: str) -> float | None:
    """The seconds since 1970 of a time as logs write it, without a zone taken as UTC; None where it is none.

    A time without a day is one of the first day of 1970. Numbers are seconds since 1970, those of 12 or 13 digits milliseconds.
    """
    try:
        return _of_date(timestamp)
    except ValueError:
        pass
    if _EPOCH.fullmatch(timestamp):
        return float(timestamp)
    if _EPOCH_MS.fullmatch(timestamp):
        return int(timestamp) / 1e3
    try:
        return _of_time(_SECONDS_BEHIND_A_POINT.sub(r"\1:\2", timestamp))
    except ValueError:
        return None


def _of_date(text: str) -> float:
    """The seconds of a day and time; digits alone are none.

    Raises:
        ValueError: it is none.
    """
    if text.isdigit():
        raise ValueError(text)
    return _since_1970_s(datetime.fromisoformat(text))


def _of_time(text: str) -> float:
    """The seconds of a time, with or without its day; digits alone are none.

    Raises:
        ValueError: it is none.
    """
    if ":" not in text:
        raise ValueError(text)
    if "-" in text[:5]:
        return _of_date(text)
    return _since_1970_s(datetime.combine(date(1970, 1, 1), time.fromisoformat(text)))


def _since_1970_s(at: datetime) -> float:
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp()


def _kind(timestamp: str) -> str:
    """Times of different kinds are not compared: whose zone is written, whose is not, those without a day, numbers."""
    if "-" not in timestamp[:5] and ":" in timestamp:
        return "time"
    if "T" not in timestamp and " " not in timestamp:
        return "number"
    return "zone" if timestamp.endswith("Z") or "+" in timestamp or "-" in timestamp[10:] else "local"


class Clock:
    """Notes where times go backwards; a time without a day may do so once a night."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._times = 0
        self._line = 0
        self._back_s = 0.0

    def note(self, timestamp: str, line: int) -> None:
        """One record's time."""
        now_s = seconds(timestamp)
        if now_s is None:
            return
        kind = _kind(timestamp)
        back_s = self._last.get(kind, now_s) - now_s
        self._last[kind] = now_s
        if kind == "time" and back_s > _DAY_S / 2:
            back_s -= _DAY_S
        if back_s <= BACK_S_MAX:
            return
        self._times += 1
        if self._times == 1:
            self._line, self._back_s = line, back_s

    def doubts(self) -> tuple[str, ...]:
        """Where the clock went backwards, in one line; empty where it did not."""
        if not self._times:
            return ()
        more = f"; more such places: {self._times - 1}" if self._times > 1 else ""
        return (f"the clock goes back by {self._back_s:.1f} s at line {self._line}{more}",)
