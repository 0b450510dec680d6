"""The store is away, slow, locked by another, full, or its writer is held up."""

import math
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, choice
from harness.faults.client_base import clients
from harness.faults.store_base import (
    COMMIT,
    EVERY,
    READ,
    SECONDS_MAX,
    WRITE,
    Scene,
    StoreFault,
    broken,
    failure,
)
from harness.faults.store_holds import readiness_follows, retry_after
from harness.faults.store_readiness import Readiness
from harness.inside import Operation, StoreRule
from harness.registry import Invariant, fault
from harness.rig import Rig, check
from harness.variants import chosen


@fault("store.down", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDown(StoreFault):
    """What the target asks of the store fails, with the error that SQLite has for a disk that is away.

    `on` says what fails: `any` operation, or only `read`, `write` or `open`. A service that keeps its connections meets
    no failure of `open`, so a sweep does not play that one. Half a second after a turn that was not held `ready` is
    asked, where it is given, and again when the store is back. Where it is empty, a sweep takes it from the profile.
    """

    on: str = chosen("any", "read", "write")
    ready: str = ""

    def _check(self) -> None:
        choice("on", self.on, ("any", "open", "read", "write"))

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """The readiness is held to what takes a turn for good."""
        return (retry_after, readiness_follows) if self._takes_no_turn else (retry_after,)

    @property
    def _takes_no_turn(self) -> bool:
        """Whether nothing can be written at all; who can write, if only now and then, may say that it is ready."""
        window = self.window
        return self.on in ("any", "write") and (window.first_n, window.every_k, window.p) == (None, 1, 1.0)

    @property
    def by_clients(self) -> bool:
        """Whether clients ask if it is ready, which a load's do not."""
        return bool(self.ready and self._takes_no_turn)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Break on entry, mend on exit; then see that it is ready again."""
        if not self.by_clients:
            async with StoreFault.inject(self, rig):
                yield
            return
        readiness = Readiness(self.ready, rig.clock)
        asking = clients(rig, self.name).wrapped(self.name, readiness.after, ALWAYS, tells=True)
        async with asking, StoreFault.inject(self, rig):
            yield
        await readiness.again()

    def _rule(self, scene: Scene) -> StoreRule:
        def fail(operation: Operation, _do: Callable[[], Any]) -> Any:
            scene.fired(operation, "failed")
            raise broken(operation.kind)

        return scene.on(EVERY if self.on == "any" else (self.on,), fail)


@fault("store.slow", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSlow(StoreFault):
    """Each operation takes so much longer, in the thread that does it: `read_s`, `write_s`, `commit_s`, `fsync_s`.

    A commit waits twice. For `commit_s` it has not begun: the rows are written, the writer's lock is held, and nobody
    else sees them. Then it is done, and for `fsync_s` it does not return, as where it makes a checkpoint of the log and
    the disk is slow to sync: the lock is free and everybody sees the rows, whose writer does not know of it yet.
    """

    read_s: float = 0.05
    write_s: float = 0.02
    commit_s: float = 0.2
    fsync_s: float = 0.1

    def _check(self) -> None:
        delays_s = {knob: getattr(self, knob) for knob in ("read_s", "write_s", "commit_s", "fsync_s")}
        for knob, delay_s in delays_s.items():
            check(knob, delay_s, 0, SECONDS_MAX)
        if not any(delays_s.values()):
            raise UsageError(f"store.slow: one of {', '.join(delays_s)} must be more than 0")

    def _rule(self, scene: Scene) -> StoreRule:
        before_s = {READ: self.read_s, WRITE: self.write_s, COMMIT: self.commit_s}
        after_s = {COMMIT: self.fsync_s}
        kinds = tuple(kind for kind in before_s if before_s[kind] > 0 or after_s.get(kind, 0.0) > 0)

        def wait(operation: Operation, delay_s: float, where: str) -> None:
            if delay_s > 0:
                scene.fired(operation, f"held up for {delay_s:g} s {where}")
                scene.over.wait(delay_s)

        def late(operation: Operation, do: Callable[[], Any]) -> Any:
            wait(operation, before_s[operation.kind], "before it was done")
            done = do()
            wait(operation, after_s.get(operation.kind, 0.0), "after it was done")
            return done

        return scene.on(kinds, late)


@fault("store.locked", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLocked(StoreFault):
    """A second connection takes the writer's lock for `hold_s`, each time that the target is about to begin a write.

    It is a real connection to the same file that holds `BEGIN IMMEDIATE`, so what the target gets is SQLITE_BUSY from
    SQLite itself once its own busy timeout is over. A database in memory cannot be locked like this.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (retry_after,)

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

    holds: ClassVar[tuple[Invariant, ...]] = (retry_after,)

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
    """Whoever commits is held up for `for_s`, or until the fault is over where that is None: what waits behind piles up.

    With `depth` it lets go for good once so many writes of other connections wait behind it. Those that wait in a queue
    of the service's own are not seen from here.
    """

    for_s: float | None = None
    depth: int | None = None

    def _check(self) -> None:
        check("for_s", 1 if self.for_s is None else self.for_s, 0.001, SECONDS_MAX)
        check("depth", 1 if self.depth is None else self.depth, 1, 100_000)

    def _rule(self, scene: Scene) -> StoreRule:
        queue = Queue(self.depth or math.inf, full=scene.over.set)

        def hold(operation: Operation, do: Callable[[], Any]) -> Any:
            scene.fired(operation, "held up")
            with queue.held_up():
                scene.over.wait(self.for_s)
            return do()

        holding = scene.on((COMMIT,), hold)

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            if operation.kind != WRITE:
                return holding(operation, do)
            with queue.waiting():
                return do()

        return rule if self.depth else holding


class Queue:
    """Writes that are under way while commits are held up: the lock is not theirs, so they wait; for any thread."""

    def __init__(self, depth: float, *, full: Callable[[], None]) -> None:
        self._depth = depth
        self._full = full
        self._lock = threading.Lock()
        self._waiting = 0
        self._held_up = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A write waits, or is done."""
        self._count(waiting=1)
        try:
            yield
        finally:
            self._count(waiting=-1)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """A commit is held up."""
        self._count(held_up=1)
        try:
            yield
        finally:
            self._count(held_up=-1)

    def _count(self, *, waiting: int = 0, held_up: int = 0) -> None:
        with self._lock:
            self._waiting += waiting
            self._held_up += held_up
            is_full = self._held_up and self._waiting >= self._depth
        if is_full:
            self._full()
