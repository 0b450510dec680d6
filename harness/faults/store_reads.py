"""What is read from the store is not what was last written to it."""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

from harness.faults.history_holds import history_told_again
from harness.faults.store_base import READ, Scene, StoreFault
from harness.faults.store_holds import same_answer
from harness.inside import Operation, StoreRule
from harness.registry import Invariant, fault

Row = tuple[Any, ...]


class Readable(Protocol):
    """What a read has given, as `harness.within` has it: a cursor that says what it was asked, and takes other rows."""

    asked: tuple[str, Any]
    connection: Any

    def taken(self) -> list[Row]:
        """All rows that are still to be fetched."""

    def given(self, rows: Iterable[Row]) -> None:
        """Let these be fetched."""


class Copies:
    """Copies of databases in memory, each as it was when it was first met; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], sqlite3.Connection] = {}

    def keep(self, path: str) -> None:
        """Copy the database at a path, where that is not done yet; one that is not there now may be there later."""
        with self._lock:
            if (path, 0) in self._kept or not Path(path).is_file():
                return
            try:
                # Not by `connect`, which is the target's.
                source = sqlite3.Connection(f"file:{quote(path)}?mode=ro", uri=True, timeout=0)
            except sqlite3.Error:
                return
            try:
                self._kept[path, 0] = _copied(source, 0)
            except sqlite3.Error:
                return
            finally:
                source.close()

    def read(self, path: str, cursor: Readable) -> list[Row] | None:
        """What the cursor's statement would have read from the copy; None where there is none that can tell."""
        types = cursor.connection.detect_types
        with self._lock:
            try:
                if (path, types) not in self._kept:
                    self._kept[path, types] = _copied(self._kept[path, 0], types)
                copy = self._kept[path, types]
                copy.text_factory = cursor.connection.text_factory
                return copy.execute(*cursor.asked).fetchall()
            except (
                KeyError,
                sqlite3.Error,
            ):  # no copy; or it lacks what the target has made on its connection
                return None

    def close(self) -> None:
        """Forget them all."""
        with self._lock:
            while self._kept:
                self._kept.popitem()[1].close()


def _copied(source: sqlite3.Connection, types: int) -> sqlite3.Connection:
    copy = sqlite3.Connection(":memory:", detect_types=types, check_same_thread=False)
    try:
        source.backup(copy)
    except sqlite3.Error:
        copy.close()
        raise
    return copy


@fault("store.stale_read", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStaleRead(StoreFault):
    """Reads see the database as it was when the fault began (adk-python#4751); those within a transaction see it as it is.

    A firing is a read whose rows were others for it. A database in memory has no such past, nor has a statement that
    uses a function or an attached database of the target's connection: these read as ever. What a target has read it
    has to believe; that it appends to what is there, and not to what it read, is still asked, and so is what
    it tells after the last firing.
    """

    excuses: ClassVar[tuple[str, ...]] = ("sessions.history_preserved",)
    holds: ClassVar[tuple[Invariant, ...]] = (same_answer, history_told_again)

    def _rule(self, scene: Scene) -> StoreRule:
        copies = Copies()
        scene.mending.callback(copies.close)

        def stale(operation: Operation, do: Callable[[], Any]) -> Any:
            cursor: Readable | None = do()
            if cursor is None or cursor.connection.in_transaction:
                return cursor
            rows = fresh = cursor.taken()
            if (found := copies.read(operation.path, cursor)) is not None:
                rows = found
            if rows != fresh:
                scene.fired(operation, f"{len(rows)} rows of before")
            cursor.given(rows)
            return cursor

        reading = scene.on((READ,), stale)

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            # Before the operation is done: the first that is met still finds the past.
            copies.keep(operation.path)
            return reading(operation, do)

        return rule
