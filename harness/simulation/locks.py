"""Lock and RLock as the threads of a run have them; nearly all else of `threading` and `queue` is built on these.

To acquire is to yield, whether or not somebody holds the lock: most races live exactly there.
"""

from typing import Any

from harness.simulation.baton import SimulatedThread, get_ident, make_lock, make_rlock
from harness.simulation.scheduler import ACTIVE, Scheduler, here
from harness.simulation.waiting import Waited, check_timeout, refused

_AT_REST = SimulatedThread("at rest")
"""Who holds a lock that is acquired between two runs: a module's, say, by a finalizer."""


class _Held(Waited):
    """What one thread holds, or nobody."""

    __slots__ = ("_holder",)

    def __init__(self) -> None:
        super().__init__()
        self._holder: SimulatedThread | None = None

    def waited_for(self) -> str:
        """What a thread that waits is told to wait on."""
        if self._holder in self._waiters:
            return f"a {type(self).__name__} that it holds itself, until somebody releases it: a wake-up"
        holder = "nobody" if self._holder is None else f"[{self._holder.name}]"
        return f"a {type(self).__name__} that {holder} holds"

    @property
    def holder(self) -> SimulatedThread | None:
        """The thread that holds it."""
        return self._holder

    def _becomes_free(self, scheduler: Scheduler, blocking: bool, timeout: float) -> bool:
        """Wait until nobody holds it; False at once where that was not wanted, or when time is up."""
        deadline = None if timeout < 0 else scheduler.now + timeout
        while self._holder is not None:
            if not blocking or not self.wait(scheduler, deadline):
                return False
        return True


class Lock(_Held):
    """A lock of the run; where a foreign thread makes one, it is given a real one."""

    __slots__ = ()

    def __new__(cls) -> Any:
        """A lock for whoever asks."""
        return super().__new__(cls) if here() is not None else make_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.Lock.acquire`."""
        scheduler = ACTIVE.scheduler
        if scheduler is None or scheduler.current.ident != get_ident():
            return self._acquire_outside(blocking)
        if timeout != -1:
            check_timeout(blocking, timeout)
        scheduler.point()
        if self._holder is not None and not self._becomes_free(scheduler, blocking, timeout):
            return False
        self._holder = scheduler.current
        return True

    def release(self, *_: object) -> None:
        """As `threading.Lock.release`: any thread of the run may."""
        scheduler = ACTIVE.scheduler
        if scheduler is not None and scheduler.current.ident != get_ident():
            raise refused(self)
        if self._holder is None:
            if scheduler is not None and scheduler.current.doomed:
                return  # it was ended where it wanted the lock back, in a Condition
            raise RuntimeError("release unlocked lock")
        self._holder = None
        if self._waiters and scheduler is not None:
            self.wake_all(scheduler)

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._holder is not None

    # One call less each: nothing is done more often in a run.
    __enter__ = acquire
    __exit__ = release

    # What a Condition takes from its lock, where there is one; its own way would try to acquire, and so yield.

    def _is_owned(self) -> bool:
        return self._holder is not None

    def _release_save(self) -> None:
        self.release()

    def _acquire_restore(self, _: None) -> None:
        # When the thread that was woken runs was the schedule's choice already: a second one would add nothing.
        scheduler = here()
        if scheduler is not None and self._holder is None and not scheduler.current.doomed:
            self._holder = scheduler.current
        else:
            self.acquire()

    def _at_fork_reinit(self) -> None:
        self._holder = None

    def _acquire_outside(self, blocking: bool) -> bool:
        if ACTIVE.scheduler is None and self._holder is None:
            self._holder = _AT_REST
            return True
        if ACTIVE.scheduler is None and not blocking:
            return False
        raise refused(self)


class Signal(Lock):
    """The lock that a Condition makes for each wait: only that thread and its waker know it, so taking it is no yield."""

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.Lock.acquire`."""
        scheduler = ACTIVE.scheduler
        if scheduler is None or scheduler.current.ident != get_ident():
            return self._acquire_outside(blocking)
        if self._holder is not None and not self._becomes_free(scheduler, blocking, timeout):
            return False
        self._holder = scheduler.current
        return True

    __enter__ = acquire


def signal() -> Any:
    """A `Signal`, or for a foreign thread a real lock; made by hand, since each wait takes a new one."""
    if here() is None:
        return make_lock()
    made = object.__new__(Signal)
    made._waiters = []
    made._holder = None
    return made


class RLock(_Held):
    """A reentrant lock of the run; where a foreign thread makes one, it is given a real one."""

    __slots__ = ("_count",)

    def __new__(cls) -> Any:
        """A lock for whoever asks."""
        return super().__new__(cls) if here() is not None else make_rlock()

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.RLock.acquire`; to acquire what one holds is no yield."""
        scheduler = ACTIVE.scheduler
        if scheduler is None or scheduler.current.ident != get_ident():
            return self._acquire_outside()
        me = scheduler.current
        if self._holder is not me:
            if timeout != -1:
                check_timeout(blocking, timeout)
            scheduler.point()
            if self._holder is not None and not self._becomes_free(scheduler, blocking, timeout):
                return False
            self._holder = me
        self._count += 1
        return True

    def release(self, *_: object) -> None:
        """As `threading.RLock.release`."""
        scheduler = ACTIVE.scheduler
        if scheduler is not None and scheduler.current.ident != get_ident():
            raise refused(self)
        if self._holder is None or (scheduler is not None and self._holder is not scheduler.current):
            if scheduler is not None and scheduler.current.doomed:
                return  # as above
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._holder = None
            if scheduler is not None and self._waiters:
                self.wake_all(scheduler)

    # One call less each: nothing is done more often in a run.
    __enter__ = acquire
    __exit__ = release

    def _is_owned(self) -> bool:
        scheduler = ACTIVE.scheduler
        return self._holder is not None and (scheduler is None or self._holder is scheduler.current)

    def _release_save(self) -> int:
        count, self._count = self._count, 1
        self.release()
        return count

    def _acquire_restore(self, count: int) -> None:
        self.acquire()
        self._count = count

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._holder = None
        self._count = 0

    def _acquire_outside(self) -> bool:
        if ACTIVE.scheduler is None and self._holder in (None, _AT_REST):
            self._holder = _AT_REST
            self._count += 1
            return True
        raise refused(self)
