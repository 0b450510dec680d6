"""The gate that everything the target asks of SQLite goes through, so that a fault may stand around it."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from sqlite3 import dbapi2
from typing import Any

from harness.inside import Operation, StoreRule
from harness.within.sqlite_connections import GatedConnection, path_of
from harness.within.sqlite_statements import OPEN
from harness.within.stacked import Stacked

FACTORY = 5
"""Which of the arguments of `sqlite3.connect` the factory is, where it is given by position."""


class StoreGate:
    """Stands in for `sqlite3.connect`, from `install` to `uninstall`; to be installed before the app is imported.

    A connection that is opened meanwhile is of the class that was asked for and of `GatedConnection`, and stays so: a
    rule that comes later finds it, and without a rule it does as ever. A rule may be put and taken in any thread and
    in any order, the last one is outermost; an operation that is under way keeps those that it began with.

    Not seen is what was opened by calling `sqlite3.Connection` itself (as a fault does that wants a connection of its
    own), or with a factory that is no class.
    """

    def __init__(self) -> None:
        self._rules: Stacked[StoreRule] = Stacked()
        self._classes: dict[type[Any], type[Any]] = {}
        self._connect: Callable[..., Any] = sqlite3.connect
        self._stand_in: Callable[..., Any] = self.connect

    def install(self) -> None:
        """Take the place of `sqlite3.connect`."""
        self._connect = sqlite3.connect
        for module in (sqlite3, dbapi2):
            vars(module)["connect"] = self._stand_in

    def uninstall(self) -> None:
        """Give it back, where nobody else has taken it meanwhile."""
        for module in (sqlite3, dbapi2):
            if module.connect is self._stand_in:
                vars(module)["connect"] = self._connect

    def around(self, rule: StoreRule) -> AbstractContextManager[None]:
        """Put a rule around every operation, until the block ends."""
        return self._rules.holding(rule)

    @property
    def ruled(self) -> bool:
        """Whether there is any rule now."""
        return bool(self._rules)

    def through(self, operation: Operation, do: Callable[[], Any]) -> Any:
        """Do an operation, with the rules of now around it."""
        for rule in self._rules.now:
            do = partial(rule, operation, do)
        return do()

    def connect(self, *arguments: Any, **named: Any) -> Any:
        """Open a database as `sqlite3.connect` does, with the same arguments; that is an operation, too."""
        if len(arguments) > FACTORY:
            factory = self._gated(arguments[FACTORY])
            arguments = (*arguments[:FACTORY], factory, *arguments[FACTORY + 1 :])
        else:
            named["factory"] = self._gated(named.get("factory", sqlite3.Connection))
        database = arguments[0] if arguments else named.get("database", "")
        operation = Operation(kind=OPEN, path=path_of(database))
        return self.through(operation, partial(self._connect, *arguments, **named))

    def _gated(self, factory: Any) -> Any:
        """The class of connections that a factory makes, with the gate below its own methods."""
        if not isinstance(factory, type) or issubclass(factory, GatedConnection):
            return factory
        if factory not in self._classes:
            # The gate stands below: what a class of the app's own makes of a call is what goes through.
            bases = (GatedConnection,) if factory is sqlite3.Connection else (factory, GatedConnection)
            self._classes[factory] = type(factory.__name__, bases, {"gate": self})
        return self._classes[factory]
