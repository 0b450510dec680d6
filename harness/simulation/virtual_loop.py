"""The part of a loop that asks the world: a selector that has no file descriptors, and whose time is the run's."""

import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

from harness.simulation.baton import SimulatedThread
from harness.simulation.escapes import NETWORK
from harness.simulation.lanes import Lane
from harness.simulation.reports import described, pending
from harness.simulation.scheduler import Scheduler

DESCRIPTOR_REMEDY = f"nothing real can wake a simulated loop: {NETWORK}"


class ReadyQueue:
    """What a loop can run next: a sequence of lanes, of which any may go, while callbacks stay in line.

    A task has at most one step that is ready. The plain callbacks are one lane, so only their first is among the lanes.
    """

    __slots__ = ("_plain", "among", "callbacks", "entries")

    def __init__(self, callbacks: Lane) -> None:
        self.callbacks = callbacks
        self.entries: deque[tuple[Lane, Any]] = deque()
        self.among = 0
        """How many lanes there are: what `len` gives, without a call."""
        self._plain = 0

    def __len__(self) -> int:
        return self.among

    def __iter__(self) -> Iterator[Lane]:
        callbacks, seen = self.callbacks, False
        for lane, _ in self.entries:
            if lane is not callbacks:
                yield lane
            elif not seen:
                seen = True
                yield lane

    def add(self, lane: Lane | None, handle: Any) -> None:
        """Put a handle at the end: a task's step, or with no lane a plain callback."""
        if lane is None:
            self.entries.append((self.callbacks, handle))
            self.among += not self._plain
            self._plain += 1
        else:
            self.entries.append((lane, handle))
            self.among += 1

    def take(self, index: int) -> tuple[Lane, Any]:
        """Take what the lane at this index would run."""
        if index:
            position = self._position(index)
            entry = self.entries[position]
            del self.entries[position]
        else:
            entry = self.entries.popleft()
        if entry[0] is self.callbacks:
            self._plain -= 1
            self.among -= not self._plain
        else:
            self.among -= 1
        return entry

    def _position(self, index: int) -> int:
        callbacks, seen = self.callbacks, False
        for position, (lane, _) in enumerate(self.entries):
            if lane is callbacks:
                if seen:
                    continue
                seen = True
            if not index:
                return position
            index -= 1
        raise IndexError(index)


class VirtualSelector:
    """Stands where a loop has its selector."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.lane = Lane(scheduler.current.actor.child("loop"))
        self.queue = ReadyQueue(self.lane)
        self.loop: weakref.ref[Any] | None = None
        self._waiting: SimulatedThread | None = None

    def wait(self, deadline: float | None) -> None:
        """Wait until something is called from outside, or for the next timer."""
        self._waiting = self.scheduler.current
        try:
            self.scheduler.wait(self, deadline)
        finally:
            self._waiting = None

    def wake(self) -> None:
        """Something was called from outside."""
        if self._waiting is not None:
            self.scheduler.wake(self._waiting)

    def waited_for(self) -> str:
        """What a thread that waits is told to wait on."""
        loop = None if self.loop is None else self.loop()
        tasks = [] if loop is None else pending(loop)
        told = "".join(f"\n    {described(task)}" for task in tasks)
        return f"[{self.lane.name}], which has no callback and no timer; its tasks:{told or ' none'}"

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:  # noqa: ARG002  # a selector's method
        """Refuse a file descriptor."""
        raise self.scheduler.escaped(
            f"file descriptor {fileobj!r} is registered with a simulated loop", DESCRIPTOR_REMEDY
        )

    modify = register

    def unregister(self, fileobj: Any) -> Any:
        """Nothing is registered."""
        raise KeyError(fileobj)

    get_key = unregister

    def get_map(self) -> dict[Any, Any]:
        """Nothing is registered."""
        return {}

    def close(self) -> None:
        """There is nothing to close."""


class Generators:
    """The asynchronous generators that a loop has begun, in that order; a `WeakSet` would give them by address."""

    def __init__(self) -> None:
        self._found: dict[int, weakref.ref[Any]] = {}

    def add(self, generator: Any) -> None:
        """One was begun."""
        key = id(generator)
        self._found[key] = weakref.ref(generator, lambda _: self._found.pop(key, None))

    def discard(self, generator: Any) -> None:
        """One has ended."""
        self._found.pop(id(generator), None)

    def clear(self) -> None:
        """All are seen to."""
        self._found.clear()

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Any]:
        return (found for ref in list(self._found.values()) if (found := ref()) is not None)
