"""What threads of a run wait for, and what is said to a thread that is not of the run."""

from harness.simulation.baton import SimulatedThread
from harness.simulation.scheduler import ACTIVE, Scheduler

REMEDY = "have the thread started by the application, inside the run, or play it in the stage live"


def refused(lock: object) -> Exception:
    """Why a lock of a run cannot be had by a thread that is not of the run, or not any more."""
    scheduler = ACTIVE.scheduler
    if scheduler is None:
        return RuntimeError("a lock of a simulated run that is over is still held")
    return scheduler.escaped(f"a foreign thread uses a {type(lock).__name__} of a simulated run", REMEDY)


def check_timeout(blocking: bool, timeout: float) -> None:
    """Refuse what a real lock refuses."""
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")


class Waited:
    """What threads wait for, first come, first woken; who goes then is for the schedule to say."""

    __slots__ = ("__weakref__", "_waiters")

    def __init__(self) -> None:
        self._waiters: list[SimulatedThread] = []

    def wait(self, scheduler: Scheduler, deadline: float | None) -> bool:
        """Wait to be woken; False where the time came first."""
        me = scheduler.current
        self._waiters.append(me)
        woken = False
        try:
            woken = scheduler.wait(self, deadline)
        finally:
            if not woken and me in self._waiters:
                self._waiters.remove(me)
        return woken

    def wake_all(self, scheduler: Scheduler) -> None:
        """Let all of them look again."""
        waiters, self._waiters = self._waiters, []
        for thread in waiters:
            scheduler.wake(thread)
