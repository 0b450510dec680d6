"""The scheduler: of all threads of a run exactly one holds the baton, and virtual time moves only when none can run."""

import random
from collections import deque
from heapq import heappop, heappush
from typing import Any, NoReturn

from harness.simulation.baton import SimulatedThread, acquire, get_ident, release
from harness.simulation.endings import BudgetSpent, Ending, Escape, ThreadEnded, call_site
from harness.simulation.reports import deadlock
from harness.simulation.schedule import RANGE_SHIFT, Schedule

START_S = 1024.0
"""What the monotonic clock shows when a run begins; a power of two, so that it costs few bits of what is added."""

PATIENCE = 100
"""A thread that stays for so many yields while others could run is put behind them, or a spinning one would keep all."""

SPIN_STEPS = 10_000
SPIN_S = 0.001
"""So many steps at one instant let so much time pass: who spins until a time comes would spin for ever otherwise."""

REFUSALS_MAX = 100
TRACE_EVENTS = 400


class Scheduler:
    """Hands the baton around among the threads of one run. Only the thread that holds it calls these methods.

    `now` is the virtual monotonic time in seconds. `stopped` is why the run was ended from here, if it was.
    """

    def __init__(self, *, schedule: Schedule, entropy: random.Random, virtual_s: float, steps: int) -> None:
        self.schedule = schedule
        self._plain = schedule.plain
        self._note = schedule.note
        self.entropy = entropy
        self.now = START_S
        self.steps = 0
        self.alarm_at = min(steps, SPIN_STEPS)
        self.trace: deque[tuple[float, str]] = deque(maxlen=TRACE_EVENTS)
        self.stopped: Ending | None = None
        self.escape: Escape | None = None
        self.numbers = 0
        self.loops: list[Any] = []
        self.main = self.current = SimulatedThread("main")
        self.main.ident = get_ident()
        self.threads = [self.main]
        self.ready: list[SimulatedThread] = []
        self.dying: Any = None
        self._latest = START_S + virtual_s
        self._steps_max = steps
        self._limits = {"virtual_s": virtual_s, "steps": float(steps)}
        self.deadlines: list[tuple[float, int, SimulatedThread]] = []
        self._tickets = 0
        self._polls = 0

    def number(self) -> int:
        """The next of the numbers that stand in for addresses."""
        self.numbers += 1
        return self.numbers

    def point(self) -> None:
        """Let another thread go first, if the schedule says so. The thread that calls can go on."""
        self.steps = steps = self.steps + 1
        me = self.current
        if steps >= self.alarm_at:
            self.alarm()
        if me.doomed:
            self._refuse(me)
        ready = self.ready
        if ready and not me.done:
            me.stayed = stayed = me.stayed + 1
            if stayed <= PATIENCE and self._plain:
                # Its steps are not counted either: they number holds, and nobody is ever held.
                self._note(len(ready) + 1 << RANGE_SHIFT)
                return
            # In place: a list for each yield would cost as much as all else in it.
            ready.insert(0 if stayed <= PATIENCE else len(ready), me)
            chosen = ready.pop(self.schedule.choose(ready))
            if chosen is not me:
                ready.remove(me)
                ready.append(me)
                self._hand_over(me, chosen)
                return
        if me.held:
            self.schedule.kept(me)
        me.steps += 1

    def poll(self) -> None:
        """The calling thread looks at something. That is no yield, unless it looks again and again: it may be waiting."""
        self.steps += 1
        self._polls += 1
        if self._polls >= PATIENCE or self.steps >= self.alarm_at:
            self._polls = 0
            self.point()

    def wait(self, on: Any, deadline: float | None = None) -> bool:
        """Stop the calling thread until it is woken (True) or the time comes (False); `on` is told at a deadlock."""
        me = self.current
        if me.doomed:
            self._refuse(me)
        if me.done:
            raise RuntimeError("what a thread leaves behind waits for another: its thread has ended")
        me.ticket = self._tickets = self._tickets + 1
        me.waits_on, me.since, me.timed_out = on, self.now, False
        if deadline is not None:
            heappush(self.deadlines, (deadline, me.ticket, me))
        try:
            self._leave(me)
        finally:
            me.ticket = 0
            me.waits_on = None
        return not me.timed_out

    def wake(self, thread: SimulatedThread) -> None:
        """Let a thread that waits go on."""
        if thread.ticket:
            thread.ticket = 0
            self.ready.append(thread)

    def sleep(self, on: Any, seconds: float) -> None:
        """Stop the calling thread for so long."""
        self.wait(on, self.now + seconds)

    def spawned(self, kind: str = "thread") -> SimulatedThread:
        """A new thread, which cannot run before `ready` has it."""
        if self.current.doomed:
            self._refuse(self.current)
        thread = SimulatedThread(self.current.actor.child(kind))
        self.threads.append(thread)
        return thread

    def begin(self, me: SimulatedThread) -> None:
        """Called first by a new thread: wait for the baton."""
        acquire(me.baton)
        self._bury(me)

    def finish(self, me: SimulatedThread) -> None:
        """Called last by a thread: hand the baton on for good."""
        me.done = True
        self.threads.remove(me)
        for action in me.when_done:
            action()
        self._pass_on(me)
        following = self._next()
        if following.held:
            self.schedule.kept(following)
        following.steps += 1
        self.dying = me.wait_for_exit
        # What the thread left in its locals is finalized while it still counts as the one that runs.
        if self.dying is None:
            self.current = following
        release(following.baton)

    def alarm(self) -> None:
        """So many steps were made at this instant that the budget is spent, or that some time must have passed."""
        if self.steps >= self._steps_max:
            self._spent("steps")
        deadlines = self.deadlines
        self._move(min(self.now + SPIN_S, deadlines[0][0] if deadlines else float("inf")))

    def escaped(self, what: str, remedy: str) -> Escape:
        """An escape to be raised; the first of a run is kept, for the application may catch what it is given."""
        escape = Escape(f"{what}, at {call_site()}: {remedy}")
        self.escape = self.escape or escape
        return escape

    def allow(self, *, virtual_s: float, steps: int) -> None:
        """Set a new budget, from here on; called by the main thread, which goes on even if it was stopped."""
        self.main.doomed = False
        self._latest = self.now + virtual_s
        self._steps_max = self.steps + steps
        self._limits = {"virtual_s": virtual_s, "steps": float(steps)}

    def _leave(self, me: SimulatedThread) -> None:
        """Give the baton away, and come back when it is this thread's again."""
        self.steps += 1
        if self.steps >= self.alarm_at:
            self.alarm()
        if not self.ready:
            self._pass_on(me)
        self._hand_over(me, self._next())

    def _next(self) -> SimulatedThread:
        """Take one of the threads that can run; the main one where the run was stopped."""
        ready = self.ready
        if self.main.doomed and ready[0] is self.main:
            return ready.pop(0)
        return ready.pop(self.schedule.pick(ready))

    def _pass_on(self, me: SimulatedThread) -> None:
        """See to it that some thread can run: let time pass, or end the run."""
        while not self.ready:
            if not self._advance():
                self._stop(deadlock(self, START_S), me)

    def _hand_over(self, me: SimulatedThread, chosen: SimulatedThread) -> None:
        if chosen.held:
            self.schedule.kept(chosen)
        chosen.steps += 1
        if chosen is not me:
            self._polls = 0
            me.stayed = 0
            self.trace.append((self.now, chosen.name))
            self.current = chosen
            release(chosen.baton)
            acquire(me.baton)
            if self.dying is not None:
                self._bury(me)
        if me.doomed:
            self._refuse(me)

    def _bury(self, me: SimulatedThread) -> None:
        """Where the thread that had the baton before has ended, see it gone."""
        if self.dying is not None:
            self.dying()
            self.dying = None
            self.current = me

    def _advance(self) -> bool:
        """Move time to the earliest deadline; False where there is none."""
        deadlines = self.deadlines
        while deadlines and deadlines[0][1] != deadlines[0][2].ticket:  # a wait that is over
            heappop(deadlines)
        if not deadlines:
            return False
        if deadlines[0][0] > self._latest:
            self._spent("virtual_s")
        else:
            self._move(deadlines[0][0])
        return True

    def _move(self, when: float) -> None:
        """Let the time be so late, and wake whoever waited for that."""
        self.now = max(self.now, when)
        self.schedule.flush()
        self.alarm_at = min(self._steps_max, self.steps + SPIN_STEPS)
        deadlines = self.deadlines
        while deadlines and deadlines[0][0] <= self.now:
            _, ticket, thread = heappop(deadlines)
            if thread.ticket == ticket:
                thread.timed_out = True
                self.wake(thread)

    def _spent(self, what: Any) -> None:
        self._stop(BudgetSpent(what=what, limit=self._limits[what], at_s=self.now - START_S), self.current)

    def _stop(self, why: Ending, me: SimulatedThread) -> None:
        """End the run from here: the main thread goes on at once, by raising `ThreadEnded`."""
        self.stopped = self.stopped or why
        main = self.main
        main.doomed = True
        self._steps_max = self.steps + 10**9
        self._latest = float("inf")
        if me is main:
            raise ThreadEnded
        self.wake(main)
        if main in self.ready:
            self.ready.remove(main)
        self.ready.insert(0, main)
        if not me.done and not me.ticket:
            # It was running: it stays where it is until the end of the run ends it.
            self.ready.pop(0)
            me.ticket, me.waits_on, me.since = -1, "the end of the run", self.now
            self._hand_over(me, main)

    def _refuse(self, me: SimulatedThread) -> NoReturn:
        """A thread that was ended goes no further; one that goes on after that again and again is left where it is."""
        me.refused += 1
        if me.refused > REFUSALS_MAX and me is not self.main:
            self.threads.remove(me)
            self.wake(self.main)
            self.ready.remove(self.main)
            self.current = self.main
            release(self.main.baton)
            while True:
                acquire(me.baton)
        raise ThreadEnded


class Active:
    """The one thing that is global, as the hooks are: the run that is under way in this process."""

    scheduler: Scheduler | None = None
    hooked = False
    """Whether the hooks are in place."""
    tested = False
    """Whether they were found to hold, once in the life of the process."""


ACTIVE = Active()


def here() -> Scheduler | None:
    """The scheduler of the run whose baton the calling thread holds; None in a foreign thread, and outside of runs."""
    scheduler = ACTIVE.scheduler
    if scheduler is None or scheduler.current.ident != get_ident():
        return None
    return scheduler
