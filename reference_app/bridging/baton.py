"""One persistent loop, driven by whoever has its baton: the thread that calls, or a thread behind all callers."""

import contextlib
import threading
import time

from reference_app.bridging.calls import Call
from reference_app.bridging.errors import BridgeCancelled, BridgeClosed, BridgeTimeout
from reference_app.bridging.flight import END_S, Flight
from reference_app.bridging.loop import BatonLoop, running_loop
from reference_app.bridging.parked import ParkedThread
from reference_app.bridging.scopes import Scope

BLOCKED_AFTER_S = 0.2
"""A loop that has not heard of a cancellation for so long stands still."""

BLOCKED_UNBOUNDED_S = 1.0
"""So does one whose lock an unbounded call did not get for so long."""

INTERRUPTED_S = 0.5
"""What a coroutine has for its clean-up when Ctrl-C ends the call."""

_SLICE_S = 0.1
"""A caller that waits for the lock looks this often whether it was cancelled."""

_DRIVER = "the driver"
_DRIVER_TO_BE = "the driver, once it wakes"


class Baton(Flight):
    """A loop for the threads that have none.

    | the loop | a call that nothing ends from outside | a call that a deadline or a token may end |
    |---|---|---|
    | rests | takes the baton: the coroutine runs in its thread | is handed to the driver, a thread parked until then |
    | is driven | is posted to the loop, and its thread waits | the same |

    A first step runs under the lock, so other callers wait for it; a coroutine that suspends goes on with the lock
    free. Whoever gives the baton up hands it to the driver where work is left. A loop that was told to `retire` ends
    when it has no work, one that was told to `end` cancels its work and ends.

    `_holder` says who has the baton: None, a leading thread, or the driver. It changes in single assignments, so that
    Ctrl-C in the midst of a hand-over leaves a state that `_reclaim` can tell from the others.
    """

    def __init__(self, loop: BatonLoop) -> None:
        super().__init__(loop)
        self.stands_still = False
        self._holder: threading.Thread | str | None = None
        self._first: Call | None = None
        self._driver = ParkedThread("bridge-loop", self._drive)
        self._retired = False
        loop.when_called_from_outside = self._nudge

    def run(self, call: Call) -> bool:
        """Run a call that nothing ends from outside; it has settled afterwards. False: this loop has ended, or stands still."""
        # At once, in most cases; by name, `blocking=False`, this would take twice as long.
        if not (self._lock.acquire(False) or self._lock.acquire(timeout=BLOCKED_UNBOUNDED_S)):
            self.stands_still = True
            return False
        try:
            if self._ending:
                return False
            if self._holder is not None and not self._reclaim():
                self._post(call)
                leads = False
            elif self.loop.step(call) and not self._retired and not self._calls:
                return True
            else:
                leads = True
                self._leader, self._holder = call, threading.current_thread()
        finally:
            self._lock.release()
        if leads:
            self._lead(call)
        else:
            call.wait(self._alive)
        return True

    def run_bounded(self, call: Call, scope: Scope) -> bool:
        """Run a call until it settles or its scope ends it. False: this loop has ended. See also `stands_still`."""
        scope.home = self.loop
        if not self._lock_for(call, scope):
            return True
        try:
            if self._ending:
                return False
            if self._holder is not None and not self._reclaim():
                self._post(call)
            else:
                self._give_to_driver(call)
        finally:
            self._lock.release()
        call.wait(self._alive)
        if not call.settled:
            call.linger(BLOCKED_AFTER_S, lambda: call.seen or call.settled)
            if not call.seen and not call.settled:
                self.stands_still = True
        return True

    def retire(self) -> None:
        """Serve what is in flight, then end; called by whoever sees to it that no new calls come."""
        self._retired = True
        self._nudge()

    def mend(self) -> None:
        """A call was left by Ctrl-C, which may have come in the midst of a hand-over: see that it is completed."""
        with contextlib.suppress(RuntimeError):  # "cannot release un-acquired lock", and mostly at once
            while True:
                self._lock.release()
        with self._lock:
            if self._reclaim():
                self._nudge()

    def end(self) -> None:
        """Cancel calls and tasks, wait for their clean-up, for `END_S` or so at most, and close the loop."""
        here = running_loop()
        self._ending = self._retired = True
        if not self._lock.acquire(timeout=END_S):
            return  # a first step stands still; its thread sees to the end of the loop, should it go on
        try:
            if here is self.loop and self._holder is None:
                return  # called from within a first step: the same
            calls = self._in_flight()
            rested = self._holder is None or self._reclaim()
            if rested:
                self._holder = threading.current_thread()
        finally:
            self._lock.release()
        for call in calls:
            call.cancel(BridgeClosed)
        if not rested:
            with contextlib.suppress(RuntimeError):  # it has closed meanwhile
                self.loop.call_soon_threadsafe(self.loop.stop)
        elif here is None:
            self._finish()
        elif not self._wake_driver():
            self._close()
        if here is not self.loop:
            self._ended.wait(END_S)

    def _lock_for(self, call: Call, scope: Scope) -> bool:
        """Take the lock, for which a first step of another call makes one wait; False: the call was ended meanwhile."""
        if not self._lock.acquire(False):
            began = time.monotonic()
            while not self._lock.acquire(timeout=min(scope.left_s() or _SLICE_S, _SLICE_S)):
                if not scope.left_s():
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
        if not self._wake_driver():
            self._calls.discard(call)
            self._first = self._holder = None
            raise BridgeClosed("no thread can be started any more: call without a timeout, or earlier")

    def _wake_driver(self) -> bool:
        """Hand the baton to the driver; False where the interpreter, which is ending, starts no thread."""
        self._holder = _DRIVER_TO_BE
        return self._driver.wake()

    def _reclaim(self) -> bool:
        """Under the lock: take back a baton that Ctrl-C, in this very thread, has left with nobody."""
        if self._holder is not threading.current_thread() or running_loop() is self.loop:
            return False
        if self._leader is not None and not self._leader.settled:
            self._leader.when_settled = self._settled
            self._calls.add(self._leader)
            self._leader.cancel(BridgeCancelled)
        self._leader = self._holder = None
        return True

    def _alive(self) -> bool:
        """Asked by those who wait, now and then: whether the loop lives; a lost hand-over to the driver is repeated."""
        if self._holder is _DRIVER_TO_BE:
            self._driver.wake()
        return not self._ended.is_set()

    def _lead(self, call: Call) -> None:
        """Drive the loop from here until the call has settled."""
        loop = self.loop
        self._interrupted = False
        if self._ending:  # it began while the first step had the lock
            call.cancel(BridgeClosed)
        call.when_settled = lambda _: loop.stop()
        try:
            while not call.settled and not self._interrupted:
                loop.drive()
            if self._interrupted:
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
            elif not (self._calls or self.loop.work or self.loop.unrun or self._retired):
                self._holder = None  # as `_rest` would find, at twice the cost of leaving
                return
        if not self._rest() and not self._wake_driver():
            self._holder = None

    def _rest(self) -> bool:
        """Give the baton up, or end the loop where its time has come; False where there is work."""
        with self._lock:
            if not self._ending:
                if not self._idle():
                    return False
                if not self._retired:
                    self._holder = None
                    return True
                self._ending = True  # from here on no call comes
        self._finish()
        return True

    def _drive(self) -> bool:
        """What the driver does when it is woken: run the loop while there is work. False once the loop has ended."""
        with self._lock:
            if self._holder is not _DRIVER_TO_BE:  # woken twice, or dismissed
                return not self._ended.is_set()
            self._holder = _DRIVER
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

    def _close(self) -> None:
        super()._close()
        self._driver.dismiss()

    def _nudge(self) -> None:
        """See to it that the loop is driven where there is work, or where it was retired at rest."""
        # This may be a finalizer in any thread, which must not wait for ever: who holds the lock for long looks for
        # work afterwards, and who runs a first step does so at once.
        if self.loop.steps_now or not self._lock.acquire(timeout=_SLICE_S):
            return
        try:
            if self._holder is None and (self._retired or not self._idle()) and not self._wake_driver():
                self._holder = None
        finally:
            self._lock.release()
