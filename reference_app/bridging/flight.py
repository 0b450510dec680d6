"""The calls in flight on one loop: what settles them, what keeps the loop going, and how all of it ends."""

import threading
import time
from collections.abc import Callable

from reference_app.bridging.calls import Call
from reference_app.bridging.errors import BridgeClosed
from reference_app.bridging.loop import BatonLoop

END_S = 1.0
"""What the tasks of a loop that ends have for their clean-up."""

GENERATORS_S = 0.1
"""What its asynchronous generators have for theirs at least."""


class Flight:
    """A loop and its calls: those that other threads wait for, and the one of the thread that leads, if one does."""

    def __init__(self, loop: BatonLoop) -> None:
        self.loop = loop
        self._lock = threading.RLock()  # a callback of the loop may come while its own thread holds it
        self._calls: set[Call] = set()
        self._leader: Call | None = None
        self._interrupted = False
        self._ending = False
        self._ended = threading.Event()
        loop.when_out_of_work = self._stop_if_idle

    def _settled(self, call: Call) -> None:
        """On the loop: a call that another thread waits for has settled."""
        with self._lock:
            self._calls.discard(call)
            if call.interrupted and self._leader and threading.current_thread() is threading.main_thread():
                # Ctrl-C came while this thread ran the call of another: it is meant for the call made here, too.
                self._interrupted = True
                self.loop.stop()
        self._stop_if_idle()
        call.wake()

    def _idle(self) -> bool:
        return not self._calls and self.loop.quiet

    def _runs_something(self) -> bool:
        return bool(self._calls or self._leader or self.loop.work)

    def _in_flight(self) -> list[Call]:
        return [*self._calls, *([] if self._leader is None else [self._leader])]

    def _stop_if_idle(self) -> None:
        with self._lock:
            if not self._runs_something():
                self.loop.stop()

    def _turn(self) -> None:
        """Run the loop until something stops it: the end of its work, or an exception that a task let out."""
        if not self._runs_something():
            self.loop.stop()  # one round, for the callbacks that are left
        try:
            self.loop.drive()
        except BaseException as error:  # noqa: BLE001  # nobody waits for the task that raised it, others wait for the loop
            self.loop.call_exception_handler(
                {"message": "a task that was left behind ended by an exception", "exception": error}
            )

    def _run_until(self, enough: Callable[[], bool], timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        timer = self.loop.call_later(timeout_s, self.loop.stop)
        while not enough() and time.monotonic() < end:
            self._turn()
        timer.cancel()

    def _finish(self) -> None:
        """With the baton, in a thread that runs no loop: end the work, and close the loop."""
        with self._lock:
            self._ending = True
            calls = self._in_flight()
        for call in calls:
            call.cancel(BridgeClosed)
        # The task of a call is cancelled once only, by the call: a second time would interrupt its clean-up.
        for task in self.loop.work - {call.task for call in calls}:
            task.cancel()
        end = time.monotonic() + END_S
        self._run_until(self._idle, END_S)
        self.loop.create_task(self.loop.shutdown_asyncgens())
        self._run_until(self._idle, max(end - time.monotonic(), GENERATORS_S))
        self._close()

    def _close(self) -> None:
        self.loop.close()
        self._ended.set()
