"""The connections to the store are all in somebody's hands."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from harness.faults.store_base import READ, SECONDS_MAX, WRITE, Scene, StoreFault
from harness.inside import Operation, StoreRule
from harness.registry import fault
from harness.rig import check


class OfConnection(Protocol):
    """An operation of a connection that is open, as `harness.within` has it: it says which."""

    connection: Any


class Crowd:
    """Operations that are held together, once there are those of enough connections; for any thread."""

    def __init__(self, size: int, hold_s: float, over: threading.Event) -> None:
        self._size = size
        self._hold_s = hold_s
        self._over = over
        self._lock = threading.Lock()
        self._complete = threading.Event()
        self._until_s: float | None = None
        self._held: Counter[int] = Counter()

    def joined(self, connection: object) -> int:
        """How many connections are held now, where this is one more and they are enough; else 0."""
        with self._lock:
            self._held[id(connection)] += 1
            if self._held[id(connection)] > 1 or len(self._held) < self._size or self._is_late():
                return 0
            if self._until_s is None:
                self._until_s = time.monotonic() + self._hold_s
                self._complete.set()
            return len(self._held)

    def wait(self) -> None:
        """Wait for company, no longer than would be waited with it; and then until the time of all is over."""
        self._complete.wait(self._hold_s)
        if self._until_s is not None:
            self._over.wait(max(0.0, self._until_s - time.monotonic()))

    def left(self, connection: object) -> None:
        """Let it go."""
        with self._lock:
            self._held[id(connection)] -= 1
            self._held += Counter()  # keeps those that are above 0

    def dissolve(self) -> None:
        """Let those go that wait for company."""
        self._complete.set()

    def _is_late(self) -> bool:
        """Whether their time is over."""
        return self._until_s is not None and time.monotonic() >= self._until_s


@fault("store.pool_exhausted", needs=("store", "inside"), drill="crowd")
@dataclass(frozen=True, slots=True, kw_only=True)
class StorePoolExhausted(StoreFault):
    """All connections are checked out: operations of `size` of them are held at once, for `hold_s` (chainlit#2111).

    An operation waits for company until those of `size` connections are there, though no longer than `hold_s`; then
    none of them goes on for `hold_s`, nor any that comes meanwhile. With 0 it is every connection that is asked for
    anything in that time, from the first one on. A connection that is within a transaction ends it first: what is
    short is connections, and not the writer's lock. It happens once; each connection that is held then is a firing,
    from the one on that makes them `size`.
    """

    size: int = 0
    hold_s: float = 1.2

    def _check(self) -> None:
        check("size", self.size, 0, 100_000)
        check("hold_s", self.hold_s, 0.001, SECONDS_MAX)

    def _rule(self, scene: Scene) -> StoreRule:
        crowd = Crowd(self.size, self.hold_s, scene.over)
        scene.mending.callback(crowd.dissolve)

        def hold(operation: Operation, do: Callable[[], Any]) -> Any:
            connection = _connection(operation)
            if count := crowd.joined(connection):
                scene.fired(operation, f"connections held at once: {count}")
            try:
                crowd.wait()
            finally:
                crowd.left(connection)
            return do()

        holding = scene.on((READ, WRITE), hold)

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            is_asked = operation.kind in (READ, WRITE) and not _connection(operation).in_transaction
            return holding(operation, do) if is_asked else do()

        return rule


def _connection(operation: Operation) -> Any:
    """The connection that an operation is asked of."""
    return cast("OfConnection", operation).connection
