"""Cursors of `sqlite3` whose every statement goes through a gate."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, Protocol, Self, cast

from harness.within.sqlite_waits import lasting, patiently


class Gate(Protocol):
    """What a cursor wants of the gate."""

    @property
    def ruled(self) -> bool:
        """Whether there is any rule now."""


class Performing(Protocol):
    """What a cursor wants of the connection that has made it."""

    gate: Gate
    wrote: bool
    in_transaction: bool

    def perform(self, cursor: "GatedCursor", statement: str, do: Callable[[], Any]) -> None:
        """Do what a statement asks for."""

    def perform_all(self, script: str) -> None:
        """Do what the statements of a script ask for."""


class GatedCursor(sqlite3.Cursor):
    """A cursor whose statements go through the gate; what a rule answers to them is not looked at.

    A rule around a read gets the cursor from what it was given to call, once the statement has run. It may ask it for
    `asked`, and for its `connection`; `taken` and `given` change the rows that are to be fetched.
    """

    asked: tuple[str, Any] = ("", ())
    _rows: Iterator[Any] | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """Run a statement, as `sqlite3.Cursor.execute` does."""
        self._rows = None
        self.asked = (sql, parameters)
        _connection(self).perform(self, sql, self._patient(sql, partial(super().execute, sql, parameters)))
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        """Run a statement for each set of parameters, as `sqlite3.Cursor.executemany` does; that is one operation."""
        self._rows = None
        _connection(self).perform(
            self, sql, self._patient(sql, partial(super().executemany, sql, lasting(parameters)))
        )
        return self

    def executescript(self, sql_script: str, /) -> Self:
        """Run the statements of a script, as `sqlite3.Cursor.executescript` does, each an operation."""
        self._rows = None
        connection = _connection(self)
        if connection.gate.ruled:
            connection.perform_all(sql_script)
        else:
            super().executescript(sql_script)
            connection.wrote = connection.in_transaction
        return self

    def _patient(self, sql: str, do: Callable[[], Any]) -> Callable[[], Any]:
        """To do it once the database is free."""
        return partial(patiently, self.connection, sql, do)

    def taken(self) -> list[tuple[Any, ...]]:
        """All rows that are still to be fetched, as tuples, before any row factory."""
        rows, self._rows = self._rows, None
        if rows is not None:
            return list(rows)
        factory, self.row_factory = self.row_factory, None
        try:
            return super().fetchall()
        finally:
            self.row_factory = factory

    def given(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Let these rows be fetched."""
        self._rows = iter(rows)

    def __next__(self) -> Any:
        """The next row."""
        if self._rows is None:
            return super().__next__()
        row = next(self._rows)
        factory = cast("Callable[..., Any] | None", self.row_factory)
        return row if factory is None else factory(self, row)

    def fetchone(self) -> Any:
        """The next row, or None."""
        return super().fetchone() if self._rows is None else next(self, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next `size` rows, by default `arraysize`."""
        most = self.arraysize if size is None else size
        if self._rows is None:
            return super().fetchmany(most)
        return [row for _, row in zip(range(most), self, strict=False)]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return super().fetchall() if self._rows is None else list(self)


def _connection(cursor: sqlite3.Cursor) -> Performing:
    """The connection of a cursor that one of ours has made."""
    return cast("Performing", cursor.connection)


@lru_cache(maxsize=64)
def gated_cursor(factory: type[Any]) -> type[Any]:
    """A class of cursors, with the gate below its own methods."""
    if issubclass(factory, GatedCursor):
        return factory
    if factory is sqlite3.Cursor:
        return GatedCursor
    return type(factory.__name__, (factory, GatedCursor), {})
