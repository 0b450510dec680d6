"""The explorer: plays trials in several processes until something breaks, or until its budget is spent.

What a trial does is decided by its number, so that an exploration of the same seed plays the same ones, however
many processes share the work. Some are played twice: a run that differs from itself would not replay.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from harness.determinism import first_difference
from harness.errors import Inapplicable, InvalidRun, first_of
from harness.judge import Judgement, judge
from harness.registry import in_force
from harness.runner import Options, job
from harness.scenario import Scenario
from harness.search.trials import Trial
from harness.targets.driven import Job
from harness.targets.hosted import Host, Simulated
from harness.verdict import Verdict, Violation

RUN_S_MAX = 60.0
"""How long one run may take, in real seconds; what computes for ever, or hangs in C, is given up then."""

REFUSED_SHARE_MAX = 0.1
"""With more runs than this that proved nothing, the exploration itself proves nothing."""

AGAIN_EVERY = 25
"""One trial of so many is played again in another process, and must be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When an exploration ends without having found anything: after `for_s` seconds, or after so many `runs`."""

    for_s: float | None = None
    runs: int | None = None
    jobs: int = 1


@dataclass(slots=True)
class Tally:
    """What was played so far. `refused` counts the runs that proved nothing, by what was said of them.

    `left_out` are the scenarios of which was seen in the run that the target has not what they would break, and why.
    """

    runs: int = 0
    schedules: set[str] = field(default_factory=set)
    unfired: int = 0
    again: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Inapplicable] = field(default_factory=dict)
    elapsed_s: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What may be said where nothing was found: passed only if every run could be judged."""
        refused = sum(self.refused.values())
        if refused >= max(1.0, REFUSED_SHARE_MAX * self.runs) or not self.runs:
            return Verdict.INVALID
        return Verdict.UNDECIDED if refused else Verdict.PASSED

    def __str__(self) -> str:
        rate = self.runs / self.elapsed_s if self.elapsed_s else 0.0
        refused = f", {sum(self.refused.values())} invalid" if self.refused else ""
        return f"{self.runs} runs, {rate:.0f} a second, {len(self.schedules)} schedules{refused}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A trial that failed, and what came of it."""

    trial: Trial
    played: Simulated
    violations: tuple[Violation, ...]


def judged(played: Simulated, scenario: Scenario) -> Judgement:
    """Hold a run to the universal invariants, to what its faults demand, and to the scenario's own."""
    return judge(played.history, (*in_force(scenario.faults), *scenario.invariants))


class Explorer:
    """One exploration of one target: until a trial fails that is `wanted`; others that fail are passed over."""

    def __init__(
        self,
        options: Options,
        effort: Effort,
        trials: Iterator[Trial],
        progress: Callable[[str], None],
        *,
        wanted: Callable[[Found], bool] = lambda _: True,
    ) -> None:
        self.tally = Tally()
        self._options = options
        self._effort = effort
        self._trials = trials
        self._progress = progress
        self._wanted = wanted
        self._began = time.monotonic()
        self._found: list[Found] = []
        self._begun = 0
        self._second = asyncio.Lock()

    async def run(self) -> Found | None:
        """Explore: the first wanted trial that failed, by its number, or None.

        Raises:
            UsageError: the app does not start, or has nothing that any of the scenarios could break.
            InvalidRun: a run differed from itself.
        """
        try:
            await self._played()
        except BaseExceptionGroup as group:  # of the task group: what ended it is the first of ours in there
            error = first_of(group)
            if error is None:
                raise
            if not self._found:
                raise error from group
        if not self.tally.runs and self.tally.left_out:
            raise next(iter(self.tally.left_out.values()))
        return self.found

    @property
    def found(self) -> Found | None:
        """The first wanted trial that failed so far, by its number; also of an exploration that was broken off."""
        return min(self._found, key=lambda found: found.trial.number, default=None)

    async def _played(self) -> None:
        """Play trials in all processes."""
        async with AsyncExitStack() as life:
            hosts = [
                await life.enter_async_context(Host.of(self._options.profile, patience_s=RUN_S_MAX))
                for _ in range(self._effort.jobs + 1)
            ]
            async with asyncio.TaskGroup() as group:
                for host in hosts[1:]:
                    group.create_task(self._work(host, hosts[0]))

    async def _work(self, host: Host, second: Host) -> None:
        """Play trials in one process, until there is nothing to do any more."""
        while not self._over():
            self._begun += 1
            trial = next(self._trials)
            options = replace(self._options, seed=trial.seed, policy=trial.policy)
            asked = job(trial.scenario, "faulted", options)
            try:
                played = await host.play(asked)
            except Inapplicable as error:
                self.tally.left_out.setdefault(trial.scenario.name, error)
                continue
            except InvalidRun as error:
                self._note(str(error))
                continue
            if trial.number % AGAIN_EVERY == 0:
                await self._again(trial, played, second, asked)
            self._judge(trial, played)

    def _over(self) -> bool:
        effort = self._effort
        spent = effort.for_s is not None and time.monotonic() - self._began >= effort.for_s
        return bool(self._found) or spent or (effort.runs is not None and self._begun >= effort.runs)

    async def _again(self, trial: Trial, played: Simulated, second: Host, asked: Job) -> None:
        """Play a trial in another process.

        Raises:
            InvalidRun: it was not the same.
        """
        async with self._second:
            other = await second.play(asked)
        self.tally.again += 1
        if (said := first_difference(played.history, other.history)) is not None:
            raise InvalidRun(f"{trial}: not deterministic: a fresh process differs: {said}")

    def _judge(self, trial: Trial, played: Simulated) -> None:
        judgement = judged(played, trial.scenario)
        self.tally.schedules.add(played.history.header.schedule_hash)
        self.tally.unfired += bool(judgement.unfired)
        self._note(judgement.untrusted[0] if judgement.untrusted else None)
        if judgement.violations and not judgement.untrusted:
            found = Found(trial=trial, played=played, violations=judgement.violations)
            if self._wanted(found):
                self._found.append(found)

    def _note(self, refused: str | None) -> None:
        self.tally.runs += 1
        self.tally.elapsed_s = time.monotonic() - self._began
        if refused is not None:
            self.tally.refused[refused] += 1
        self._progress(str(self.tally))
