"""The sweep: every fault of a plan, one after the other or a few at a time, each judged against the control of its drill."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from harness.errors import InvalidRun
from harness.runner import Arm, Options, conclude, opened, played, run_on
from harness.spread import PLAYS_MAX, spread
from harness.sweep.plan import Plan, Trial, armed, check_settled, settled
from harness.targets.play import Play
from harness.verdict import ScenarioVerdict, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What came of one trial."""

    trial: Trial
    result: ScenarioVerdict

    @property
    def fired(self) -> int:
        """How often the fault fired."""
        return sum(self.result.faults_fired.values())

    @property
    def by_chance(self) -> bool:
        """Whether another play may say more: the machine was too slow, or what the fault waited for came after it."""
        unfired = self.result.verdict is Verdict.INVALID and not self.fired
        return unfired or self.result.may_be_slow


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
        """The labels of the trials that were not begun: after the first that failed, or on a drill that does not pass by itself."""
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

    Where the machine was too slow to judge by, or nothing came that the fault could meet, a trial is played again, alone.

    Raises:
        UsageError: the target does not start, or has nothing that any of the faults could break.
        InvalidRun: a drill broke off without any fault, or its observation cannot be trusted: so would those with one.
    """
    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(effort.jobs)]
        drills = {trial.drill.name: trial.drill for trial in plan.trials}
        held = {name: await _control(plays[0], plan, name, options, effort) for name in drills}
        plan = settled(plan, options.profile, [arm.history for arm in held.values()])
        # What fails without a fault would fail with any, and none of them would be to blame; nor can anything be held to
        # what the machine was too slow for.
        sound = {name for name, arm in held.items() if arm.judgement.verdict is Verdict.PASSED}
        if len(sound) == len(held):
            check_settled(plan)
        trials = tuple(trial for trial in plan.trials if trial.drill.name in sound)
        results = await _played(plays, trials, held, options, effort)
    clean = (
        conclude(drill, options, [held[name]], held[name].history.header.elapsed_s)
        for name, drill in drills.items()
    )
    return Sweep(plan=plan, clean=tuple(clean), results=tuple(results))


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


async def _played(
    plays: Sequence[Play],
    trials: Sequence[Trial],
    held: Mapping[str, Arm],
    options: Options,
    effort: Effort,
) -> list[Swept]:
    """Play the trials, each against the control of its drill; tell of each that failed."""
    failed = False

    async def one(play: Play, trial: Trial) -> Swept:
        nonlocal failed
        kept, chosen = options.histories, options
        if kept is not None:  # each trial has a folder of its own
            chosen = replace(options, histories=kept / re.sub(r"[^\w.=-]+", "_", trial.label).strip("_"))
        result = await run_on(play, armed(trial), chosen, control=held[trial.drill.name])
        swept = Swept(trial=trial, result=result)
        if result.verdict is Verdict.FAILED and not swept.by_chance:
            failed = True
            effort.found(swept)
        return swept

    return await spread(
        plays,
        trials,
        one,
        say=lambda number, trial: effort.say(f"{number} of {len(trials)}: {trial.label}"),
        again=lambda swept: swept.by_chance,
        over=lambda: failed and effort.fail_fast,
    )
