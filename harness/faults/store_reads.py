"""What is read from the store is not what was last written to it."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

from harness.faults.base import choice
from harness.faults.store_base import READ, Scene, StoreFault
from harness.inside import Operation, StoreRule
from harness.registry import fault
from harness.rig import check

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
    has to believe; that it appends to what is there, and not to what it read, is still asked.
    """

    excuses: ClassVar[tuple[str, ...]] = ("sessions.history_preserved",)

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


@fault("store.corrupt_row", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCorruptRow(StoreFault):
    """Of the rows that are read, every `nth_row`-th is damaged in all its texts and blobs; what is stored stays whole.

    `form` is `cut` (the latter half is gone) or `bad_json` (a JSON object or array lacks its last character; what is
    none stays as it is). A firing is a read with a row that was damaged. A text that was cut is a text: what is told of
    the history is not judged.
    """

    excuses: ClassVar[tuple[str, ...]] = ("sessions.history_preserved",)

    form: str = "cut"
    nth_row: int = 1

    def _check(self) -> None:
        choice("form", self.form, ("cut", "bad_json"))
        check("nth_row", self.nth_row, 1, float("inf"))

    def _rule(self, scene: Scene) -> StoreRule:
        numbers = count(1)  # its steps are taken by the interpreter in one, so threads may share it
        damage = _cut if self.form == "cut" else _unclosed

        def damaged(row: Row) -> Row:
            return tuple(map(damage, row)) if next(numbers) % self.nth_row == 0 else row

        def corrupt(operation: Operation, do: Callable[[], Any]) -> Any:
            cursor: Readable | None = do()
            if cursor is None:
                return cursor
            rows = cursor.taken()
            others = [damaged(row) for row in rows]
            if changed := sum(other != row for other, row in zip(others, rows, strict=True)):
                scene.fired(operation, f"{changed} of {len(rows)} rows damaged ({self.form})")
            cursor.given(others)
            return cursor

        return scene.on((READ,), corrupt)


def _cut(value: Any) -> Any:
    """A text or blob without its latter half."""
    return value[: len(value) // 2] if isinstance(value, str | bytes) else value


def _unclosed(value: Any) -> Any:
    """A JSON object or array that is not closed."""
    if not isinstance(value, str | bytes):
        return value
    try:
        whole = json.loads(value)
    except ValueError:
        return value
    return value.rstrip()[:-1] if isinstance(whole, dict | list) else value
