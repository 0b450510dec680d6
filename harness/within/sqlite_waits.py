"""SQLite's wait for a lock, in the time of a simulated run."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from harness.simulation.scheduler import here

T = TypeVar("T")

PAUSE_S, PAUSE_S_MAX = 0.001, 0.1
"""How long it is waited before the first try again, twice as long before each further one, and at most."""


def lasting(parameters: Iterable[T]) -> Iterable[T]:
    """The same parameters; in a simulated run such as can be gone through once more."""
    return parameters if here() is None else list(parameters)


def patiently(connection: sqlite3.Connection, statement: str, do: Callable[[], T]) -> T:
    """Do what may find the database locked; in a simulated run the busy timeout of the connection is in its time.

    SQLite itself would wait in real time, and in vain: whoever holds the lock goes on only when this thread waits as
    the run knows it. Not followed is that SQLite does not wait at all where a transaction that has read wants to write.
    """
    sets_the_timeout = "busy_timeout" in statement.lower()
    if here() is None or sets_the_timeout:
        return do()
    (timeout_ms,) = _plain(connection, "PRAGMA busy_timeout")
    _plain(connection, "PRAGMA busy_timeout = 0")
    try:
        return _tried(do, until_s=time.monotonic() + timeout_ms / 1000)
    finally:
        _plain(connection, f"PRAGMA busy_timeout = {timeout_ms}")


def _tried(do: Callable[[], T], *, until_s: float) -> T:
    """Do it once the lock is free; of many rows it is the first that meets it, so none is written twice."""
    pause_s = PAUSE_S
    while True:
        try:
            return do()
        except sqlite3.OperationalError as error:
            left_s = until_s - time.monotonic()
            is_busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not is_busy or left_s <= 0:
                raise
        time.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, PAUSE_S_MAX)


def _plain(connection: sqlite3.Connection, pragma: str) -> tuple[int]:
    """What a pragma answers, past the gate."""
    found: tuple[int] = sqlite3.Connection.cursor(connection).execute(pragma).fetchone()
    return found
