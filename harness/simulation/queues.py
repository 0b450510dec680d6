"""`queue.SimpleQueue` as the threads of a run have it: the real one blocks in C, where nobody could yield."""

from collections import deque
from queue import Empty
from types import GenericAlias
from typing import Any

from harness.simulation.baton import make_queue
from harness.simulation.scheduler import Scheduler, here
from harness.simulation.waiting import Waited, refused


class SimpleQueue(Waited):
    """An unbounded queue of the run; where a foreign thread makes one, it is given a real one."""

    __slots__ = ("_items",)

    __class_getitem__: Any = classmethod(GenericAlias)

    def __new__(cls) -> Any:
        """A queue for whoever asks."""
        return super().__new__(cls) if here() is not None else make_queue()

    def __init__(self) -> None:
        super().__init__()
        self._items: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # as the real one
        """Add an item, which never waits."""
        scheduler = self._scheduler()
        self._items.append(item)
        if self._waiters:
            self.wake_all(scheduler)
        scheduler.point()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest item, waiting for one at most `timeout` seconds; raises `queue.Empty`."""
        scheduler = self._scheduler()
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        scheduler.point()
        deadline = None if timeout is None else scheduler.now + timeout
        while not self._items:
            if not block or not self.wait(scheduler, deadline):
                raise Empty
        return self._items.popleft()

    def put_nowait(self, item: Any) -> None:
        """As `put`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """Take the oldest item, or raise `queue.Empty`."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Whether there is none."""
        return not self.qsize()

    def qsize(self) -> int:
        """How many there are."""
        self._scheduler().poll()
        return len(self._items)

    def waited_for(self) -> str:
        """What a thread that waits is told to wait on."""
        return "a SimpleQueue, which is empty"

    def _scheduler(self) -> Scheduler:
        scheduler = here()
        if scheduler is None:
            raise refused(self)
        return scheduler
