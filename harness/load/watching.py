"""The parent's part: reads frames as they are written, beside the service's log, and says when a run has seen enough."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.gates.criterion import Criterion
from harness.gates.result import GateResult
from harness.gates.verdicts import Seen, Watch
from harness.load.frames import Frame, Run, read
from harness.load.generator import WORKERS_S_MAX, Locust
from harness.load.kept import Kept
from harness.load.needs import estimates
from harness.load.phases import phase_at
from harness.load.plan import CLOSED, Plan
from harness.load.service_log import Answer, ServiceLog
from harness.load.validity import Expected, silent
from harness.verdict import Verdict

POLL_S = 0.1
STILL_S_MAX = 45.0
"""No generator is silent for so long, nor takes so long to begin: a master that writes nothing is stuck."""


@dataclass(slots=True, kw_only=True)
class Frames:
    """The frames that a master has written so far, each with what the service logged meanwhile, and all of them added up.

    A line that has not ended is left for the next time. `keep` is where they are written down. `each` is told after every
    one, so that a verdict depends on the frames, and not on how many of them were read at a time.
    """

    plan: Plan
    each: Callable[[Run], None] = lambda _: None
    log: ServiceLog | None = None
    keep: Kept | None = None
    run: Run = field(default_factory=Run)
    grown_s: float = field(default_factory=time.monotonic)
    _offset: int = 0
    _phase: str = ""

    def read(self) -> int:
        """Read on; how many frames came.

        Raises:
            InvalidRun: a line is no frame.
        """
        if not self.plan.frames.exists():
            return 0
        with self.plan.frames.open("rb") as stream:
            stream.seek(self._offset)
            *lines, _ = stream.read().split(b"\n")
        for line in lines:
            self._take(read(line))
            self._offset += len(line) + 1
            self.grown_s = time.monotonic()
        return len(lines)

    def end(self) -> None:
        """Read the rest, and what the service wrote after its last answer: its log is whole now."""
        self.read()
        if self.log is not None:
            if not self.run.frames:  # nothing was sent: what an earlier run has left is not to be replaced
                self.keep = None
            self._take(Frame(number=self.run.frames), final=True)

    def close(self) -> None:
        """Let go of the log."""
        if self.log is not None:
            self.log.close()

    def _take(self, frame: Frame, *, final: bool = False) -> None:
        """Add one, with what was logged meanwhile: a line that tells no time is of the phase that took most of it."""
        self._phase = max(frame.lasted_s, key=frame.lasted_s.__getitem__, default=self._phase)
        log = None if self.log is None else self.log.read(self._answers(frame), self._place, final=final)
        frame = replace(frame, log=log, answers=())
        self.run.add(frame)
        self.each(self.run)
        if self.keep is not None:
            self.keep.frame(frame)

    def _answers(self, frame: Frame) -> Iterator[Answer]:
        """The answers of a frame, each with the name of its phase."""
        names, told = self.plan.phase_names, frame.answers
        for number, status, place in zip(told[::3], told[1::3], told[2::3], strict=True):
            yield number, status, names[place]

    def _place(self, age_s: float | None) -> str:
        """The phase in which a line was written so long ago."""
        if age_s is None or not self.plan.phases or (began_s := self.plan.began_s) is None:
            return self._phase or (self.plan.phases[0].name if self.plan.phases else CLOSED)
        return phase_at(self.plan.phases, time.monotonic() - age_s - began_s)


@dataclass(slots=True, kw_only=True)
class Watching:
    """How a run is watched: by these gates; `until_decided` ends it as soon as they are, or after `for_s_max` seconds.

    `alive` says whether the target is, `swapped` whether it is another one, `promised` is the event that each request leaves in its log, `before` is what the
    baseline has seen. `hint` says how a generator is started elsewhere, where that is wanted.
    """

    criteria: Sequence[Criterion]
    until_decided: bool
    for_s_max: float
    alive: Callable[[], bool]
    swapped: Callable[[], str] = lambda: ""
    promised: str | None = None
    before: Seen | None = None
    hint: str = ""
    say: Callable[[str], None] = lambda _: None
    watch: Watch = field(init=False)
    results: tuple[GateResult, ...] = ()

    def __post_init__(self) -> None:
        """Nothing was seen yet."""
        self.watch = Watch(criteria=self.criteria, watched=self.until_decided)

    async def follow(self, plan: Plan, frames: Frames, locusts: Sequence[Locust]) -> list[str]:
        """Read frames until the master has ended, or nothing more can come of it; what has ended the run, if anything has."""
        reasons = list[str]()
        master = locusts[0].process
        come = -1
        while master.returncode is None and not reasons:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(master.wait(), POLL_S)
            if not frames.run.frames and plan.generators_came != come:
                come = plan.generators_came
                self.say(f"{come} of {plan.workers} generators have come{self.hint}")
            if frames.read():
                self.say(_told(frames.run, self.results))
                if self._enough(frames.run.elapsed_s):
                    plan.stop.touch()
            reasons = self._broken(plan, frames, locusts)
        return reasons

    def each(self, run: Run) -> None:
        """Look at the gates, as after every frame."""
        self.results = self.look(run, ended=False)

    def look(self, run: Run, *, ended: bool) -> tuple[GateResult, ...]:
        """The gates by what was seen so far."""
        return self.watch.look(seen(run, ended=ended, promised=self.promised, before=self.before))

    def _enough(self, elapsed_s: float) -> bool:
        """Whether nothing that may still come changes the verdict, or the time is over."""
        results = self.results
        failed = [
            one
            for one, gate in zip(results, self.criteria, strict=True)
            if one.verdict is Verdict.FAILED and (gate.abort or self.until_decided)
        ]
        # What only the end of a run decides is not waited for.
        open_still = [one for one in results if one.verdict is Verdict.UNDECIDED and one.missing is not None]
        # Where nothing is estimated no evidence is ever enough: then the time decides.
        enough = not open_still and any(map(estimates, self.criteria))
        return bool(failed) or (self.until_decided and (enough or elapsed_s >= self.for_s_max))

    def _broken(self, plan: Plan, frames: Frames, locusts: Sequence[Locust]) -> list[str]:
        """What has ended the run, if anything has."""
        found = [wrong for one in locusts if (wrong := one.wrong) is not None]
        come = plan.generators_came
        if found and not plan.began.exists() and come < plan.workers:
            found.insert(0, f"{come} of {plan.workers} generators came within {WORKERS_S_MAX} s{self.hint}")
        if come > plan.workers:
            found.append(f"{come} generators came, and {plan.workers} are expected: start no more than that")
        if not self.alive():
            found.insert(0, "the target died under load")
        found += filter(None, [self.swapped()])
        found += silent(frames.run, Expected(workers=plan.workers))
        if time.monotonic() - frames.grown_s > STILL_S_MAX:
            found.append(f"nothing was heard of the generators for {STILL_S_MAX:g} s")
        return found


def seen(run: Run, *, ended: bool = True, promised: str | None = None, before: Seen | None = None) -> Seen:
    """What the gates are to be asked of."""
    return Seen(
        cells=run.cells, lasted_s=run.lasted_s, log=run.log, promised=promised, ended=ended, before=before
    )


def _told(run: Run, results: Sequence[GateResult]) -> str:
    """How far it is, in one line."""
    decided = sum(one.verdict is not Verdict.UNDECIDED for one in results)
    return f"{run.requests:,} requests, {run.frames} s, {decided} of {len(results)} gates decided"
