"""The store is away, slow, locked by another, full, or its writer is held up."""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.faults.base import choice
from harness.faults.store_base import COMMIT, EVERY, READ, WRITE, Scene, StoreFault, broken, failure
from harness.inside import Operation, StoreRule
from harness.registry import fault
from harness.rig import check
from harness.variants import chosen

SECONDS_MAX = 86_400


@fault("store.down", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDown(StoreFault):
    """What the target asks of the store fails, with the error that SQLite has for a disk that is away.

    `on` says what fails: `any` operation, or only `read`, `write` or `open`. A service that keeps its connections meets
    no failure of `open`, so a sweep does not play that one.
    """

    on: str = chosen("any", "read", "write")

    def _check(self) -> None:
        choice("on", self.on, ("any", "open", "read", "write"))

    def _rule(self, scene: Scene) -> StoreRule:
        def fail(operation: Operation, _do: Callable[[], Any]) -> Any:
            scene.fired(operation, "failed")
            raise broken(operation.kind)

        return scene.on(EVERY if self.on == "any" else (self.on,), fail)


@fault("store.slow", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSlow(StoreFault):
    """Each operation takes so much longer, in the thread that does it: `read_s`, `write_s`, `commit_s`."""

    read_s: float = 0.05
    write_s: float = 0.02
    commit_s: float = 0.2

    def _check(self) -> None:
        for knob in ("read_s", "write_s", "commit_s"):
            check(knob, getattr(self, knob), 0, SECONDS_MAX)
        if not (self.read_s or self.write_s or self.commit_s):
            raise UsageError("store.slow: one of read_s, write_s and commit_s must be more than 0")

    def _rule(self, scene: Scene) -> StoreRule:
        delays_s = {READ: self.read_s, WRITE: self.write_s, COMMIT: self.commit_s}
        kinds = tuple(kind for kind, delay_s in delays_s.items() if delay_s > 0)

        def late(operation: Operation, do: Callable[[], Any]) -> Any:
            delay_s = delays_s[operation.kind]
            scene.fired(operation, f"held up for {delay_s:g} s")
            scene.over.wait(delay_s)
            return do()

        return scene.on(kinds, late)


@fault("store.locked", stages=("live",), needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLocked(StoreFault):
    """A second connection takes the writer's lock for `hold_s`, each time that the target is about to begin a write.

    It is a real connection to the same file that holds `BEGIN IMMEDIATE`, so what the target gets is SQLITE_BUSY from
    SQLite itself once its own busy timeout is over. That timeout is waited for in SQLite, in real time: a simulated
    run, whose time is another, cannot have it. A database in memory cannot be locked like this.
    """

    hold_s: float = 1.0

    def _check(self) -> None:
        check("hold_s", self.hold_s, 0.001, SECONDS_MAX)

    def _rule(self, scene: Scene) -> StoreRule:
        def lock(operation: Operation, do: Callable[[], Any]) -> Any:
            if Path(operation.path).is_file() and (holder := _holder(operation.path)):
                scene.fired(operation, f"locked out for {self.hold_s:g} s")
                thread = threading.Thread(target=self._release, args=(scene, holder), daemon=True)
                thread.start()
                scene.mending.callback(thread.join)
            return do()

        return scene.on((WRITE,), lock)

    def _release(self, scene: Scene, holder: sqlite3.Connection) -> None:
        """Let the lock go when its time is over, or the fault's."""
        scene.over.wait(self.hold_s)
        holder.close()


def _holder(path: str) -> sqlite3.Connection | None:
    """A connection that holds the writer's lock; None where the target holds it already, in a write that it has begun."""
    # Not by `connect`, which is the target's.
    connection = sqlite3.Connection(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error:
        connection.close()
        return None
    return connection


@fault("store.disk_full", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDiskFull(StoreFault):
    """There is no room for what is written: writes and commits fail with SQLITE_FULL, reads go on."""

    def _rule(self, scene: Scene) -> StoreRule:
        def refuse(operation: Operation, _do: Callable[[], Any]) -> Any:
            scene.fired(operation, "no room")
            raise failure("database or disk is full", "SQLITE_FULL")

        filling = scene.on((WRITE, COMMIT), refuse)

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            takes_the_lock_only = operation.statement.lstrip()[:5].upper() == "BEGIN"
            return do() if takes_the_lock_only else filling(operation, do)

        return rule


@fault("store.queue_full", needs=("store", "inside"), drill="crowd")
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreQueueFull(StoreFault):
    """Whoever commits is held up for `for_s`, or until the fault is over where that is None: what waits behind piles up."""

    for_s: float | None = None

    def _check(self) -> None:
        check("for_s", 1 if self.for_s is None else self.for_s, 0.001, SECONDS_MAX)

    def _rule(self, scene: Scene) -> StoreRule:
        def hold(operation: Operation, do: Callable[[], Any]) -> Any:
            scene.fired(operation, "held up")
            scene.over.wait(self.for_s)
            return do()

        return scene.on((COMMIT,), hold)
