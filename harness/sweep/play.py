"""The sweep: every fault of a plan, one after the other or a few at a time, each judged against the control of its drill."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from operator import itemgetter

from harness.errors import InvalidRun
from harness.runner import Arm, Options, conclude, opened, played, run_on
from harness.sweep.plan import Plan, Trial, armed, settled
from harness.targets.play import Play
from harness.verdict import ScenarioVerdict, Verdict

PLAYS_MAX = 3
"""How often a drill or a trial is played, where the machine was too slow to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What came of one trial."""

    trial: Trial
    result: ScenarioVerdict

    @property
    def fired(self) -> int:
        """How often the fault fired."""
        return sum(self.result.faults_fired.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How a sweep is played: so many trials at a time, and with `fail_fast` none is begun after one has failed.

    `say` is told what is being played, `found` each trial that failed, as soon as it has.
    """

    jobs: int
    fail_fast: bool = False
    say: Callable[[str], None] = lambda _: None
    found: Callable[[Swept], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All that came of a sweep: the drills without a fault, then those trials of the plan that were played."""

    plan: Plan
    clean: tuple[ScenarioVerdict, ...]
    results: tuple[Swept, ...]

    @property
    def unplayed(self) -> tuple[str, ...]:
        """The labels of the trials that were not begun: after the first that failed, or on a drill that fails by itself."""
        played = {each.trial.label for each in self.results}
        return tuple(trial.label for trial in self.plan.trials if trial.label not in played)

    @property
    def verdicts(self) -> tuple[ScenarioVerdict, ...]:
        """Every verdict in it."""
        return (*self.clean, *(each.result for each in self.results))

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole."""
        return Verdict.worst(each.verdict for each in self.verdicts)


async def sweep(plan: Plan, options: Options, effort: Effort) -> Sweep:
    """Play each drill once without a fault, then every trial against the control of its drill.

    Where the machine was too slow to judge by, a trial is played again, alone.

    Raises:
        UsageError: the target does not start, or has nothing that any of the faults could break.
        InvalidRun: a drill broke off without any fault, or its observation cannot be trusted: so would those with one.
    """
    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(effort.jobs)]
        drills = {trial.drill.name: trial.drill for trial in plan.trials}
        held = {name: await _control(plays[0], plan, name, options, effort) for name in drills}
        plan = settled(plan, options.profile, [arm.history for arm in held.values()])
        # What fails without a fault would fail with any, and none of them would be to blame.
        sound = {name for name, arm in held.items() if not arm.judgement.violations}
        trials = tuple(trial for trial in plan.trials if trial.drill.name in sound)
        playing = _Playing(options=options, held=held, effort=effort)
        await playing.all(plays, trials)
        await playing.undecided(plays[0])
    clean = (
        conclude(drill, options, [held[name]], held[name].history.header.elapsed_s)
        for name, drill in drills.items()
    )
    results = tuple(one for _, one in sorted(playing.done.items(), key=itemgetter(0)))
    return Sweep(plan=plan, clean=tuple(clean), results=results)


async def _control(play: Play, plan: Plan, name: str, options: Options, effort: Effort) -> Arm:
    """The drill without a fault, on a target that is made ready for those that come: what that does is not theirs.

    Raises:
        InvalidRun: what was observed cannot be trusted.
    """
    (drill, *_) = (trial.drill for trial in plan.trials if trial.drill.name == name)
    wired = tuple(trial.fault for trial in plan.trials if trial.drill.name == name)
    for _ in range(PLAYS_MAX):
        effort.say(f"{name} without a fault")
        arm = await played(play, drill, options, arm="control", wired=wired)
        if arm.judgement.verdict is not Verdict.UNDECIDED:
            break
    if reasons := arm.judgement.untrusted:
        raise InvalidRun(f"{name} without a fault: {reasons[0]}")
    return arm


@dataclass(slots=True, kw_only=True)
class _Playing:
    """A sweep that is under way, with what is done by the numbers of its trials."""

    options: Options
    held: dict[str, Arm]
    effort: Effort
    done: dict[int, Swept] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        failed = any(one.result.verdict is Verdict.FAILED for one in self.done.values())
        return self.effort.fail_fast and failed

    async def all(self, plays: Sequence[Play], trials: Sequence[Trial]) -> None:
        """Play the trials in their order, each by whichever way to play is free."""
        waiting = deque(enumerate(trials))

        async def work(play: Play) -> None:
            while waiting and not self.over:
                number, trial = waiting.popleft()
                self.effort.say(f"{number + 1} of {len(trials)}: {trial.label}")
                await self._one(play, number, trial)

        async with asyncio.TaskGroup() as group:
            for play in plays:
                group.create_task(work(play))

    async def undecided(self, play: Play) -> None:
        """Play again, alone, what the machine was too slow to judge by."""
        for number in sorted(self.done):
            for _ in range(PLAYS_MAX - 1):
                one = self.done[number]
                if one.result.verdict is not Verdict.UNDECIDED or self.over:
                    break
                self.effort.say(f"once more: {one.trial.label}")
                await self._one(play, number, one.trial)

    async def _one(self, play: Play, number: int, trial: Trial) -> None:
        """Play one trial against the control of its drill, and tell of it where it failed."""
        kept, options = self.options.histories, self.options
        if kept is not None:  # each trial has a folder of its own
            options = replace(options, histories=kept / re.sub(r"[^\w.=-]+", "_", trial.label).strip("_"))
        control = self.held[trial.drill.name]
        result = await run_on(play, armed(trial), options, control=control)
        one = self.done[number] = Swept(trial=trial, result=result)
        if result.verdict is Verdict.FAILED:
            self.effort.found(one)
