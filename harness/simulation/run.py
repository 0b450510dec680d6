"""A run: one coroutine, one seed, one policy, and what came of it."""

import gc
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Generic, TypeVar, cast

from harness.errors import UsageError
from harness.simulation import fresh, self_test
from harness.simulation.end import clean_up, driven
from harness.simulation.endings import Deadlock, Ending
from harness.simulation.entropy import Streams
from harness.simulation.hooks import installed
from harness.simulation.lanes import Hold
from harness.simulation.policies import Fifo, Policy
from harness.simulation.reports import cycle
from harness.simulation.schedule import Schedule
from harness.simulation.scheduler import ACTIVE, START_S, Scheduler

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may take at most: virtual seconds, and steps of its threads and loops."""

    virtual_s: float = 86_400.0
    steps: int = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What came of a run.

    Exactly one of these holds: `value` is what the main coroutine returned; `error` is what it raised, or the `Escape`
    that makes the run invalid; `stopped` says why it had to be ended. `holds` is its schedule, for `Replay`; `trace` the
    last events, each a virtual time in seconds and a lane; `leaked` what was still there at the end; `cycle` are threads that wait for one another
    then, though the rest went on.
    """

    value: T | None
    error: BaseException | None
    stopped: Ending | None
    schedule_hash: str
    observation_hash: str
    holds: tuple[Hold, ...]
    trace: tuple[tuple[float, str], ...]
    virtual_s: float
    steps: int
    leaked: tuple[str, ...]
    cycle: Deadlock | None

    def result(self) -> T:
        """The value; raises the error, or `RunStopped`."""
        if self.error is not None:
            raise self.error
        if self.stopped is not None:
            raise RunStopped(str(self.stopped))
        return cast("T", self.value)


class RunStopped(Exception):
    """A run has no result, for it was stopped; the text is the whole report."""


class Simulation:
    """Runs coroutines under virtual time and a schedule that the seed and the policy decide.

    One instance is one run. `observe` feeds the observation hash; `random` gives streams for faults and workload.
    """

    def __init__(self, *, seed: int = 0, policy: Policy | None = None, budget: Budget | None = None) -> None:
        self._seed = seed
        self._policy = policy or Fifo()
        self._budget = budget or Budget()
        self._observed = blake2b(digest_size=16)
        self._stamped_s, self._stamp = 0.0, b"0.0"
        self._streams = Streams(seed)
        self._scheduler: Scheduler | None = None

    def observe(self, record: object) -> None:
        """Add what was observed, and when, to the observation hash: bytes as they are, anything else by its repr."""
        data = record if isinstance(record, bytes) else repr(record).encode()
        now_s = self.now_s
        if now_s != self._stamped_s:
            self._stamped_s, self._stamp = now_s, b"%r" % now_s
        self._observed.update(b"%b %d\n%b" % (self._stamp, len(data), data))

    def random(self, name: str) -> random.Random:
        """A stream of this seed, for one purpose: drawing from it shifts nothing else."""
        return self._streams[name]

    @property
    def now_s(self) -> float:
        """Virtual seconds since the run began."""
        return 0.0 if self._scheduler is None else self._scheduler.now - START_S

    def run(self, main: Callable[[], Coroutine[Any, Any, T]]) -> Outcome[T]:
        """Run `main()` to its end in this thread, with the hooks in place.

        Raises:
            UsageError: this Python is unknown, its hash seed is not pinned, or another run is under way.
        """
        if os.environ.get("PYTHONHASHSEED", "random") == "random":
            raise UsageError("set PYTHONHASHSEED, to 0 say: the order of sets of text depends on it")
        if ACTIVE.scheduler is not None:
            raise UsageError("a run is under way in this process already")
        with installed():
            if not ACTIVE.tested:
                self_test.check(Simulation()._played(self_test.probe).value)
                ACTIVE.tested = True
            outcome = self._played(main)
            # What the run left in cycles must not be finalized in the middle of the next.
            gc.collect()
            gc.freeze()
        return outcome

    def _played(self, main: Callable[[], Coroutine[Any, Any, T]]) -> Outcome[T]:
        budget = self._budget
        schedule = Schedule(self._policy, self._streams["schedule"])
        entropy = self._streams["entropy"]
        self._scheduler = scheduler = ACTIVE.scheduler = Scheduler(
            schedule=schedule, entropy=entropy, virtual_s=budget.virtual_s, steps=budget.steps
        )
        try:
            with fresh.state(self._seed):
                value, error = driven(main)
                # The cheapest of all checks: two runs that drew differently do not agree on the next number either.
                self.observe((entropy.random(), random.random()))
                outcome = self._outcome(value, error, scheduler)
                leaked = clean_up(scheduler)
        finally:
            ACTIVE.scheduler = None
        return replace(outcome, leaked=leaked)

    def _outcome(self, value: T | None, error: BaseException | None, scheduler: Scheduler) -> Outcome[T]:
        """What came of the main coroutine; an escape weighs more than anything else, a stop more than an error."""
        escape, stopped = scheduler.escape, scheduler.stopped
        if escape is not None:
            value, error, stopped = None, escape, None
        elif stopped is not None:
            value = error = None
        return Outcome(
            value=value,
            error=error,
            stopped=stopped,
            schedule_hash=scheduler.schedule.digest(),
            observation_hash=self._observed.hexdigest(),
            holds=scheduler.schedule.holds,
            trace=tuple((when - START_S, lane) for when, lane in scheduler.trace),
            virtual_s=self.now_s,
            steps=scheduler.steps,
            leaked=(),
            cycle=cycle(scheduler, START_S),
        )
