"""What the faults of the store's plane share: a rule around what the target asks of SQLite, and SQLite's errors."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.inside import Inside, Operation, StoreRule
from harness.rig import Rig, Window

OPEN, READ, WRITE, COMMIT = "open", "read", "write", "commit"
EVERY = (OPEN, READ, WRITE, COMMIT)
SECONDS_MAX = 86_400

_FAILURES = {
    OPEN: ("unable to open database file", "SQLITE_CANTOPEN"),
    READ: ("disk I/O error", "SQLITE_IOERR_READ"),
    WRITE: ("disk I/O error", "SQLITE_IOERR_WRITE"),
    COMMIT: ("disk I/O error", "SQLITE_IOERR_FSYNC"),
}


def failure(message: str, name: str) -> sqlite3.OperationalError:
    """The error that the `sqlite3` module raises for SQLite's result code of that name."""
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


def broken(kind: str) -> sqlite3.OperationalError:
    """The error of an operation of that kind whose disk does not do its part."""
    return failure(*_FAILURES[kind])


class Scene:
    """A fault of the store while it lasts, in the target's process; the target's threads share it."""

    def __init__(self, inside: Inside, window: Window, mending: ExitStack) -> None:
        self.inside = inside
        self.mending = mending
        self.over = threading.Event()
        self._matching = inside.matching(window)
        self._lock = threading.Lock()

    def on(self, kinds: tuple[str, ...], act: StoreRule) -> StoreRule:
        """A rule that lets `act` have those operations of these kinds that the window lets through."""

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            if operation.kind in kinds and not self.over.is_set() and self._lets_through():
                return act(operation, do)
            return do()

        return rule

    def fired(self, operation: Operation, what: str) -> None:
        """Note that the fault did something, `what`, to an operation."""
        words = " ".join(operation.statement.split()[:3])
        self.inside.fired(f"{operation.kind}{f' ({words})' if words else ''}: {what}")

    def _lets_through(self) -> bool:
        with self._lock:
            return self._matching.lets_through()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFault:
    """A fault of the store, done within the target's process: a rule around its operations on SQLite.

    `window` counts the operations that the fault could act on; they have no level.
    """

    name: ClassVar[str]

    window: Window = ALWAYS

    def __post_init__(self) -> None:
        if self.window.level is not None:
            raise UsageError(
                f"{self.name}: an operation on the store has no level; leave it out of the window"
            )
        self._check()

    def _check(self) -> None:
        """Hold the knobs to their ranges; a fault with none has nothing to say here."""

    def _rule(self, scene: Scene) -> StoreRule:
        """What happens to an operation."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Break on entry, mend on exit, within the target's process; who is held up then goes on at once."""
        with ExitStack() as mending:
            scene = Scene(inside, self.window, mending)
            with inside.around_store(self._rule(scene)):
                try:
                    yield
                finally:
                    scene.over.set()

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        assert rig.inside is not None  # a target that has no inside is not put under what needs one
        return rig.inside.entered(self.name, self)
