"""Connections of `sqlite3` whose every operation goes through a gate."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from harness.inside import Operation
from harness.within.sqlite_cursors import GatedCursor, gated_cursor
from harness.within.sqlite_statements import (
    COMMIT,
    IMPLICIT,
    READ,
    WRITE,
    classified,
    statements,
)
from harness.within.sqlite_waits import patiently

if TYPE_CHECKING:
    from harness.within.sqlite import StoreGate

MEMORY = ":memory:"
LEGACY = -1
"""The value of `Connection.autocommit` that leaves transactions to `isolation_level`, the only way before Python 3.12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Operation):
    """An operation, with the connection that it is asked of."""

    connection: sqlite3.Connection


class GatedConnection(sqlite3.Connection):
    """A connection whose operations go through the gate of its class.

    A commit is one only where something was written. A write outside of any transaction, which SQLite commits by
    itself, is done in one, so that it is a write and then a commit. A commit that no rule lets through is a rollback.
    """

    gate: ClassVar["StoreGate"]

    def __init__(self, database: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(database, *arguments, **named)
        self.path = path_of(database)
        self.detect_types: int = arguments[1] if len(arguments) > 1 else named.get("detect_types", 0)
        self.wrote = False

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        """A cursor, as `sqlite3.Connection.cursor` makes one, whose statements go through the gate."""
        return super().cursor(gated_cursor(factory) if isinstance(factory, type) else factory)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Run a statement on a new cursor."""
        return GatedConnection.cursor(self).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """Run a statement for each set of parameters on a new cursor."""
        return GatedConnection.cursor(self).executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Any:
        """Run a script on a new cursor."""
        return GatedConnection.cursor(self).executescript(sql_script)

    def commit(self) -> None:
        """Commit; an operation where something was written."""
        if self._control is True:
            super().commit()  # which then does nothing
        else:
            self._committed("COMMIT", partial(patiently, self, "COMMIT", super().commit))

    def rollback(self) -> None:
        """Roll back; no operation."""
        super().rollback()
        self.wrote = self.wrote and self.in_transaction

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]:
        """Commit, or roll back where the block or the commit failed."""
        if kind is not None:
            return super().__exit__(kind, value, traceback)
        # As in CPython, what a class of the app's own makes of `commit` and `rollback` is not asked for here.
        try:
            GatedConnection.commit(self)
        except BaseException:
            GatedConnection.rollback(self)
            raise
        return False

    def backup(self, target: sqlite3.Connection, **how: Any) -> None:
        """Copy the database to another, as `sqlite3.Connection.backup` does; that is a read."""
        self.gate.through(self._asked(READ, "backup"), partial(super().backup, target, **how))

    def perform(self, cursor: GatedCursor, statement: str, do: Callable[[], Any]) -> None:
        """Do what a statement asks for, through the gate where it is an operation."""
        kind, word = classified(statement)
        if not self.in_transaction:
            self.wrote = False
        if kind == COMMIT:
            self._committed(statement, do)
            return
        alone = kind == WRITE and self.gate.ruled and self._commits_by_itself(word)
        self.wrote = self.wrote or (kind == WRITE and word != "BEGIN")
        if not kind or not self.gate.ruled:
            do()
        elif alone:
            self._write_alone(cursor, statement, do)
        else:
            self.gate.through(self._asked(kind, statement), do)

    def perform_all(self, script: str) -> None:
        """Do what the statements of a script ask for, none of which begins a transaction by itself."""
        if self._control == LEGACY:
            GatedConnection.commit(self)
        level = self.isolation_level
        switched = self._control == LEGACY and level is not None
        if switched:
            self.isolation_level = None
        try:
            for statement in statements(script):
                GatedConnection.cursor(self).execute(statement).close()
        finally:
            if switched:  # setting it to None would commit what the script has left open
                self.isolation_level = level

    @property
    def _control(self) -> Any:
        """How transactions are controlled: a truth value from Python 3.12 on, where the app wants it so; else `LEGACY`."""
        return getattr(self, "autocommit", LEGACY)

    def _commits_by_itself(self, word: str) -> bool:
        """Whether SQLite would commit a write that begins with this word at once."""
        if self.in_transaction or word == "BEGIN":
            return False
        return self._control != LEGACY or self.isolation_level is None or word not in IMPLICIT

    def _write_alone(self, cursor: GatedCursor, statement: str, do: Callable[[], Any]) -> None:
        """Do a write that is a transaction of its own."""
        self._plain("BEGIN")
        try:
            self.gate.through(self._asked(WRITE, statement), do)
            if cursor.description is not None:
                # The rows of RETURNING, while they are not fetched, keep the transaction from being committed.
                cursor.given(cursor.taken())
        except BaseException:
            # What was done before it failed, such as the first rows of many, would be committed already.
            with contextlib.suppress(sqlite3.Error):
                self._plain("COMMIT")
            self._undo()
            raise
        try:
            self._committed(statement, partial(self._plain, "COMMIT"))
        finally:
            self._undo()

    def _committed(self, statement: str, commit: Callable[[], Any]) -> None:
        """Commit through the gate; where no rule asks for it, nothing of the transaction is stored."""
        asked = False

        def do() -> Any:
            nonlocal asked
            asked = True
            return commit()

        if not self.gate.ruled or not self.wrote or not self.in_transaction:
            commit()
        else:
            try:
                self.gate.through(self._asked(COMMIT, statement), do)
            finally:
                if not asked:
                    self._undo()
        self.wrote = False

    def _undo(self) -> None:
        """Roll back what there is to roll back, whichever way transactions are controlled."""
        if self.in_transaction and self._control is False:
            super().rollback()  # which begins the next one
        elif self.in_transaction:
            self._plain("ROLLBACK")
        self.wrote = False

    def _asked(self, kind: str, statement: str) -> Operation:
        """An operation of this connection."""
        return Asked(kind=kind, path=self.path, statement=statement, connection=self)

    def _plain(self, statement: str) -> None:
        """Run a statement past the gate."""
        run = super().cursor().execute
        patiently(self, statement, lambda: run(statement).close())


def path_of(database: Any) -> str:
    """The absolute path of the file that `sqlite3.connect` is asked for; `:memory:` where the database has none."""
    try:
        name = os.fsdecode(database)
    except TypeError:  # what is no path is refused by `connect` itself
        return ""
    if name.startswith("file:"):
        parts = urlsplit(name)
        if parse_qs(parts.query).get("mode") == ["memory"]:
            return MEMORY
        name = unquote(parts.path)
    return MEMORY if name in ("", MEMORY) else os.path.abspath(name)  # noqa: PTH100  # Path.resolve follows links
