"""Rows that are read are damaged, or are those of another read."""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Any, ClassVar

from harness.faults.base import choice
from harness.faults.history_holds import history_told_again
from harness.faults.store_base import READ, Scene, StoreFault
from harness.faults.store_holds import others_served
from harness.faults.store_reads import Readable, Row
from harness.inside import Operation, StoreRule
from harness.registry import Invariant, fault
from harness.rig import check
from harness.variants import chosen

NOBODY_KNOWS = "unheard_of"
_WORD = re.compile(r"[a-z][a-z_]{1,31}")


@fault("store.corrupt_row", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCorruptRow(StoreFault):
    """The rows that are read of one thing, a session where the target asks for those, are damaged; what is stored stays whole.

    It is the first of which a read can be damaged, by the first value that this read asked by; reads that ask by other
    values, or by none where that one did, are whole. Of its rows every `nth_row`-th is damaged, in the `form` of

    - `cut`: the latter half of each text and blob is gone;
    - `unknown_role`: a text that is one plain word, such as a role, a kind or a state, is a word that nobody knows;
    - `bad_json`: a JSON object or array lacks its last character. Not every target stores any, so no sweep plays it;
    - `gap`: of several rows one in the middle is missing, whatever `nth_row` says.

    A firing is a read with a row that was damaged, and names what it was asked by. What is told of the history is judged
    after the last firing only: a text that was cut is a text.
    """

    excuses: ClassVar[tuple[str, ...]] = ("sessions.history_preserved",)
    holds: ClassVar[tuple[Invariant, ...]] = (others_served, history_told_again)

    form: str = chosen("cut", "gap", "unknown_role")
    nth_row: int = 1

    def _check(self) -> None:
        choice("form", self.form, ("cut", "gap", "unknown_role", "bad_json"))
        check("nth_row", self.nth_row, 1, float("inf"))

    def _rule(self, scene: Scene) -> StoreRule:
        numbers = count(1)  # its steps are taken by the interpreter in one, so threads may share it
        chosen_one = Chosen()

        def others(rows: list[Row]) -> list[Row]:
            if self.form == "gap":
                return _with_gap(rows)
            damage = _DAMAGES[self.form]
            return [tuple(map(damage, row)) if next(numbers) % self.nth_row == 0 else row for row in rows]

        def corrupt(operation: Operation, do: Callable[[], Any]) -> Any:
            cursor: Readable | None = do()
            if cursor is None or not chosen_one.may_be(asked := _values(cursor)):
                return cursor
            rows = cursor.taken()
            changed = others(rows)
            if changed != rows and chosen_one.is_taken(asked):
                scene.fired(operation, f"rows damaged ({self.form}) of {asked[0] if asked else None!r}")
                rows = changed
            cursor.given(rows)
            return cursor

        return scene.on((READ,), corrupt)


class Chosen:
    """The thing whose rows are damaged, by the first value that a read asks by; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: tuple[Any, ...] | None = None

    def may_be(self, asked: tuple[Any, ...]) -> bool:
        """Whether a read by these values is one of that thing, or of any while none was chosen."""
        if not self._first:
            return self._first is None or not asked
        return self._first[0] in asked

    def is_taken(self, asked: tuple[Any, ...]) -> bool:
        """Whether a read is one of that thing; the first that asks this chooses it."""
        with self._lock:
            if self._first is None:
                self._first = asked[:1]
        return self.may_be(asked)


def _values(cursor: Readable) -> tuple[Any, ...]:
    """The values that a read asked by."""
    values = cursor.asked[1]
    return tuple(values.values() if isinstance(values, Mapping) else values)


def _with_gap(rows: list[Row]) -> list[Row]:
    """Rows of which one in the middle is missing, but not the last; one alone stays."""
    middle = (len(rows) - 1) // 2
    return rows[:middle] + rows[middle + 1 :] if len(rows) > 1 else rows


def _cut(value: Any) -> Any:
    """A text or blob without its latter half."""
    return value[: len(value) // 2] if isinstance(value, str | bytes) else value


def _unknown(value: Any) -> Any:
    """A word that nobody knows, in the place of one."""
    return NOBODY_KNOWS if isinstance(value, str) and _WORD.fullmatch(value) else value


def _unclosed(value: Any) -> Any:
    """A JSON object or array that is not closed."""
    if not isinstance(value, str | bytes):
        return value
    try:
        whole = json.loads(value)
    except ValueError:
        return value
    return value.rstrip()[:-1] if isinstance(whole, dict | list) else value


_DAMAGES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"cut": _cut, "unknown_role": _unknown, "bad_json": _unclosed}
)


@fault("store.crossed_reply", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCrossedReply(StoreFault):
    """A read gets the rows of an earlier one with the same statement and other values, `shift` reads before (redis-py#2624).

    So it is where a command was cancelled and its reply stayed on the connection: every later command reads the reply
    of another. A firing is a read whose rows were others for it. No service can tell, unless its rows name what they
    belong to. It calibrates the oracles of sessions, of which one must fail under it: otherwise they are blind.
    """

    calibrates: ClassVar[bool] = True

    shift: int = 1

    def _check(self) -> None:
        check("shift", self.shift, 1, 100_000)

    def _rule(self, scene: Scene) -> StoreRule:
        replies: dict[tuple[str, str], deque[tuple[tuple[Any, ...], list[Row]]]] = {}
        lock = threading.Lock()

        def cross(operation: Operation, do: Callable[[], Any]) -> Any:
            cursor: Readable | None = do()
            if cursor is None:
                return cursor
            rows, asked = cursor.taken(), _values(cursor)
            with lock:
                waiting = replies.setdefault((operation.path, cursor.asked[0]), deque())
                waiting.append((asked, rows))
                others_asked, others = waiting.popleft() if len(waiting) > self.shift else (asked, rows)
            if others_asked != asked and others != rows:
                scene.fired(operation, f"{len(others)} rows of {others_asked[:1]} for {asked[:1]}")
                rows = others
            cursor.given(rows)
            return cursor

        return scene.on((READ,), cross)
