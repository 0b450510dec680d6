"""One persistent loop, driven by whoever has its baton: the thread that calls, or a thread behind all callers."""

import contextlib
import threading
import time
from collections.abc import Callable

from reference_app.bridging.calls import Call
from reference_app.bridging.errors import BridgeCancelled, BridgeClosed, BridgeTimeout
from reference_app.bridging.loop import BatonLoop, running_loop
from reference_app.bridging.parked import ParkedThread

BLOCKED_AFTER_S = 0.2
"""A loop that has not heard of a cancellation for so long stands still."""

INTERRUPTED_S = 0.5
"""What a coroutine has for its clean-up when Ctrl-C ends the call."""

_SLICE_S = 0.1
"""A caller that waits for the lock looks this often whether it was cancelled."""

END_S = 1.0
"""What the tasks of a loop that ends have for theirs."""


class Baton:
    """A loop for the threads that have none.

    | the loop | a call that nothing ends from outside | a call that a deadline or a token may end |
    |---|---|---|
    | rests | takes the baton: the coroutine runs in its thread | is handed to the driver, a thread parked until then |
    | is driven | is posted to the loop, and its thread waits | the same |

    A first step runs under the lock, so other callers wait for it; a coroutine that suspends goes on with the lock
    free. Whoever gives the baton up hands it to the driver where work is left. A loop that was told to `retire` ends
    when it has no work, one that was told to `end` cancels its work and ends.
    """

    def __init__(self, loop: BatonLoop) -> None:
        self.loop = loop
        self.stands_still = False
        self._lock = threading.RLock()  # a callback of the loop may come while its own thread holds it
        self._driven = False
        self._calls: set[Call] = set()
        self._leader: Call | None = None
        self._first: Call | None = None
        self._driver = ParkedThread("bridge-loop", self._drive)
        self._interrupted = False
        self._retired = False
        self._ending = False
        self._ended = threading.Event()
        loop.when_out_of_work = self._stop_if_idle
        loop.when_called_from_outside = self._nudge

    def run(self, call: Call) -> bool:
        """Run a call that nothing ends from outside; it has settled afterwards. False: this loop has ended."""
        with self._lock:
            if self._ending:
                return False
            leads = not self._driven
            if leads:
                if self.loop.step(call) and not self._retired:
                    return True
                self._driven = True
                self._leader = call
                call.when_settled = lambda _: self.loop.stop()
            else:
                self._post(call)
        if leads:
            self._lead(call)
        else:
            call.wait(lambda: not self._ended.is_set())
        return True

    def run_bounded(self, call: Call) -> bool:
        """Run a call until it settles or is ended from outside. False: this loop has ended; see also `stands_still`."""
        if not self._lock_for(call):
            return True
        try:
            if self._ending:
                return False
            if self._driven:
                self._post(call)
            else:
                self._give_to_driver(call)
        finally:
            self._lock.release()
        call.wait(lambda: not self._ended.is_set())
        if not call.settled:
            call.linger(BLOCKED_AFTER_S, lambda: call.seen or call.settled)
            if not call.seen and not call.settled:
                self.stands_still = True
        return True

    def retire(self) -> None:
        """Serve what is in flight, then end; called by whoever sees to it that no new calls come."""
        self._retired = True
        self._nudge()

    def end(self) -> None:
        """Cancel calls and tasks, wait for their clean-up, for `END_S` or so at most, and close the loop."""
        here = running_loop()
        self._ending = self._retired = True
        if not self._lock.acquire(timeout=END_S):
            return  # a first step stands still; its thread sees to the end of the loop, should it go on
        try:
            calls = self._in_flight()
            rested, self._driven = not self._driven, True
        finally:
            self._lock.release()
        for call in calls:
            call.cancel(BridgeClosed)
        if not rested:
            with contextlib.suppress(RuntimeError):  # it has closed meanwhile
                self.loop.call_soon_threadsafe(self.loop.stop)
        elif here is None:
            self._finish()
        elif not self._driver.wake():
            self._close()
        if here is not self.loop:
            self._ended.wait(END_S)

    def _lock_for(self, call: Call) -> bool:
        """Take the lock, for which a first step of another call makes one wait; False: the call was ended meanwhile."""
        assert call.scope is not None
        began = time.monotonic()
        while not self._lock.acquire(timeout=min(call.scope.left_s() or _SLICE_S, _SLICE_S)):
            if not call.scope.left_s():
                call.cancel(BridgeTimeout)
            if call.ended_by is not None and time.monotonic() - began >= BLOCKED_AFTER_S:
                self.stands_still = True
                return False
        if call.ended_by is not None:
            self._lock.release()
        return call.ended_by is None

    def _post(self, call: Call) -> None:
        call.awaited(self.loop, self._settled)
        self._calls.add(call)
        call.post()

    def _give_to_driver(self, call: Call) -> None:
        call.awaited(self.loop, self._settled)
        self._calls.add(call)
        self._first = call
        self._driven = True
        if not self._driver.wake():
            self._calls.discard(call)
            self._driven = False
            raise BridgeClosed("no thread can be started any more: call without a timeout, or earlier")

    def _lead(self, call: Call) -> None:
        """Drive the loop from here until the call has settled."""
        loop = self.loop
        if self._ending:  # it began while the first step had the lock
            call.cancel(BridgeClosed)
        try:
            while not call.settled and not self._interrupted:
                loop.drive()
            if self._interrupted:
                self._interrupted = False
                raise KeyboardInterrupt  # noqa: TRY301  # one way out, whatever interrupts
            if loop.unrun and not loop.work and not self._calls:
                # To run the callbacks that are left takes less time here than to wake the driver for them.
                loop.stop()
                loop.drive()
        except BaseException:
            # Ctrl-C, or a task left behind that wants the process to end.
            call.cancel(BridgeCancelled)
            self._run_until(lambda: call.settled, INTERRUPTED_S)
            raise
        finally:
            self._leave(call)

    def _leave(self, call: Call) -> None:
        """Stop leading: the baton is free, or the driver's where work is left."""
        with self._lock:
            self._leader = None
            if not call.settled:
                call.when_settled = self._settled
                self._calls.add(call)
        if not self._rest() and not self._driver.wake():
            self._driven = False

    def _rest(self) -> bool:
        """Give the baton up, or end the loop where its time has come; False where there is work."""
        with self._lock:
            if not self._ending:
                if self._calls or not self.loop.quiet:
                    return False
                if not self._retired:
                    self._driven = False
                    return True
                self._ending = True  # from here on no call comes
        self._finish()
        return True

    def _idle(self) -> bool:
        return not self._calls and self.loop.quiet

    def _drive(self) -> bool:
        """What the driver does when it is woken: run the loop while there is work. False once the loop has ended."""
        if not self._ended.is_set():
            first = self._step_first()
            rests = self._rest()
            # Woken after the baton is free again, so that the next call finds it so.
            if first is not None:
                first.wake()
                del first
            while not rests:
                self._turn()
                rests = self._rest()
        return not self._ended.is_set()

    def _step_first(self) -> Call | None:
        """Run the first step of the call that was handed over; the call, if that settled it."""
        call, self._first = self._first, None
        if call is None:
            return None
        call.when_settled = None
        self.loop.step(call)
        call.when_settled = self._settled
        if not call.settled:
            return None
        with self._lock:
            self._calls.discard(call)
        return call

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
        for task in list(self.loop.work):
            task.cancel()
        end = time.monotonic() + END_S
        self._run_until(self._idle, END_S)
        self.loop.create_task(self.loop.shutdown_asyncgens())
        self._run_until(self._idle, max(end - time.monotonic(), _SLICE_S))
        self._close()

    def _close(self) -> None:
        self.loop.close()
        self._ended.set()
        self._driver.dismiss()

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

    def _runs_something(self) -> bool:
        return bool(self._calls or self._leader or self.loop.work)

    def _in_flight(self) -> list[Call]:
        return [*self._calls, *([] if self._leader is None else [self._leader])]

    def _stop_if_idle(self) -> None:
        with self._lock:
            if not self._runs_something():
                self.loop.stop()

    def _nudge(self) -> None:
        """See to it that the loop is driven where there is work, or where it was retired at rest."""
        # This may be a finalizer in any thread, which must not wait for ever: who holds the lock for long looks for
        # work afterwards.
        if not self._lock.acquire(timeout=_SLICE_S):
            return
        try:
            if not self._driven and not self.loop.steps_now and (self._retired or not self.loop.quiet):
                self._driven = self._driver.wake()
        finally:
            self._lock.release()
