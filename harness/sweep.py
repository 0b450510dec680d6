"""The sweep: every fault that a target can be put under, one after the other, on drills that fit any service."""

import asyncio
import dataclasses
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from harness.errors import InvalidRun, UsageError
from harness.history import History
from harness.registry import CAPABILITIES, FAULTS, OBSERVED, calibrates, drill_of, needs_of, stages_of
from harness.rig import Fault
from harness.runner import Arm, Options, conclude, opened, played, run_on
from harness.scenario import Scenario
from harness.targets.play import Play
from harness.targets.profile import Profile
from harness.variants import variants
from harness.verdict import ScenarioVerdict, Verdict

JOBS_MAX = 64

PLAYS_MAX = 3
"""How often a drill or a trial is played, where the machine was too slow to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fault on one drill: `label` is its name with the knobs that are not their defaults."""

    label: str
    fault: Fault
    drill: Scenario


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
class Plan:
    """What is to be played, and which faults have nothing here that they could break, with the reason."""

    trials: tuple[Trial, ...]
    not_applicable: Mapping[str, str]


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


def jobs_max(profile: Profile) -> int:
    """How many trials may be played at a time: one, where all of them would meet in one process or in one log."""
    shared = profile.url or (profile.log and "{directory}" not in profile.log)
    return 1 if shared else JOBS_MAX


def planned(profile: Profile, stage: str, drills: Mapping[str, Scenario], names: Sequence[str]) -> Plan:
    """The trials of the faults that are named (by name, plane or label; all for none) on the drills that fit them.

    Raises:
        UsageError: a name is that of no fault.
    """
    trials: list[Trial] = []
    elsewhere: dict[str, str] = {}
    for kind in FAULTS.values():
        for fault in variants(kind):
            label = labelled(fault)
            if not any(_called(fault, label, wanted) for wanted in names or [""]):
                continue
            if reason := _not_applicable(fault, profile, stage):
                elsewhere[label] = reason
            else:
                trials.append(Trial(label=label, fault=fault, drill=drills[drill_of(fault)]))
    for wanted in names or [""]:
        _check_played(wanted, trials, elsewhere)
    return Plan(trials=tuple(trials), not_applicable=elsewhere)


def _called(fault: Fault, label: str, wanted: str) -> bool:
    """Whether a fault is meant by a name, a plane or a label; by nothing all are."""
    return wanted in ("", fault.name, fault.name.partition(".")[0], label)


def _check_played(wanted: str, trials: Sequence[Trial], elsewhere: Mapping[str, str]) -> None:
    """Refuse what was asked for by name and is not played: who asked would take the rest for it.

    Raises:
        UsageError: no fault is called so, or none that is can be played.
    """
    if any(_called(trial.fault, trial.label, wanted) for trial in trials):
        return
    unfit = {
        label: why
        for label, why in elsewhere.items()
        if wanted in ("", label, label.partition("(")[0], label.partition(".")[0])
    }
    if unfit:
        raise UsageError(_reasons(unfit))
    raise UsageError(f"no fault is called {wanted}; `shakeout list faults` names those that there are")


def _reasons(unfit: Mapping[str, str]) -> str:
    """Why nothing is left to play: one reason, and of how many faults."""
    label, reason = min(unfit.items())
    more = f"; {len(unfit) - 1} more for a like reason" if len(unfit) > 1 else ""
    return f"nothing to play: {label}: {reason}{more}"


def _not_applicable(fault: Fault, profile: Profile, stage: str) -> str:
    """Why the fault cannot be played against the target in the stage; empty where it can."""
    if calibrates(fault):
        return "is there to prove an oracle: no target withstands it"
    if stage not in stages_of(fault):
        return f"is played {' or '.join(stages_of(fault))}"
    return _missing(fault, profile.capabilities | OBSERVED)


def _missing(fault: Fault, has: frozenset[str]) -> str:
    """What the fault needs and the target has not; empty where there is nothing of that."""
    return "; ".join(f"needs {name}: {CAPABILITIES[name]}" for name in sorted(needs_of(fault) - has))


def settled(plan: Plan, profile: Profile, controls: Sequence[History]) -> Plan:
    """The plan without the trials that need what was not seen when there was no fault.

    Raises:
        UsageError: none is left.
    """
    calls = [call for history in controls for call in history.calls]
    seen = {
        "scores": any(call.confidence is not None for call in calls),
        "provider_key": any("authorization" in call.headers for call in calls),
    }
    has = profile.capabilities | {name for name, there in seen.items() if there}
    unfit = {trial.label: why for trial in plan.trials if (why := _missing(trial.fault, has))}
    if len(unfit) == len(plan.trials):
        raise UsageError(_reasons(unfit))
    return Plan(
        trials=tuple(trial for trial in plan.trials if trial.label not in unfit),
        not_applicable={**plan.not_applicable, **unfit},
    )


def labelled(fault: Any) -> str:
    """The name of a fault with the knobs that are not their defaults."""
    knobs = [
        f"{item.name}={value!r}"
        for item in dataclasses.fields(fault)
        if item.name != "window" and repr(value := getattr(fault, item.name)) != repr(item.default)
    ]
    return f"{fault.name}({', '.join(knobs)})" if knobs else str(fault.name)


def armed(trial: Trial) -> Scenario:
    """The drill with the fault in it: armed after its first step, healed before its last."""
    last = len(trial.drill.steps) - 1
    window = replace(trial.fault.window, from_step=1, until_step=max(1, last - 1))
    fault: Any = trial.fault
    return replace(trial.drill, faults=(replace(fault, window=window),), stages=stages_of(fault))


async def sweep(plan: Plan, options: Options, effort: Effort) -> Sweep:
    """Play each drill once without a fault, then every trial against the control of its drill.

    Where the machine was too slow to judge by, a trial is played again, alone.

    Raises:
        UsageError: the target does not start, or has nothing that any of the faults could break.
        InvalidRun: a drill broke off without any fault, or its observation cannot be trusted: so would those with one.
    """
    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(effort.jobs)]
        held: dict[str, Arm] = {}
        drills = {trial.drill.name: trial.drill for trial in plan.trials}
        for name, drill in drills.items():
            effort.say(f"{name} without a fault")
            # What the faults need in the target is there for their control too: it is no doing of theirs.
            wired = tuple(trial.fault for trial in plan.trials if trial.drill.name == name)
            for _ in range(PLAYS_MAX):
                held[name] = await played(plays[0], drill, options, arm="control", wired=wired)
                if held[name].judgement.verdict is not Verdict.UNDECIDED:
                    break
            if reasons := held[name].judgement.untrusted:
                raise InvalidRun(f"{name} without a fault: {reasons[0]}")
        plan = settled(plan, options.profile, [arm.history for arm in held.values()])
        # What fails without a fault would fail with any, and none of them would be to blame.
        sound = {name for name, arm in held.items() if not arm.judgement.violations}
        trials = tuple(trial for trial in plan.trials if trial.drill.name in sound)
        results = await _all(plays, trials, options, held, effort)
        for number in range(len(results)):
            await _again(plays[0], results, number, options, held, effort)
    clean = (
        conclude(drill, options, [held[name]], held[name].history.header.elapsed_s)
        for name, drill in drills.items()
    )
    return Sweep(plan=plan, clean=tuple(clean), results=tuple(results))


async def _again(
    play: Play,
    results: list[Swept],
    number: int,
    options: Options,
    held: Mapping[str, Arm],
    effort: Effort,
) -> None:
    """Play a trial again, alone, while the machine is too slow to judge by."""
    for _ in range(PLAYS_MAX - 1):
        one = results[number]
        if one.result.verdict is not Verdict.UNDECIDED or (effort.fail_fast and _failed(results)):
            return
        effort.say(f"once more: {one.trial.label}")
        results[number] = await swept(play, one.trial, options, held[one.trial.drill.name])
        _tell(results[number], effort)


async def _all(
    plays: Sequence[Play],
    trials: Sequence[Trial],
    options: Options,
    held: Mapping[str, Arm],
    effort: Effort,
) -> list[Swept]:
    """The trials that were played, in their order, each by whichever way to play was free."""
    waiting = deque(enumerate(trials))
    done: dict[int, Swept] = {}

    async def work(play: Play) -> None:
        while waiting:
            number, trial = waiting.popleft()
            effort.say(f"{number + 1} of {len(trials)}: {trial.label}")
            one = done[number] = await swept(play, trial, options, held[trial.drill.name])
            _tell(one, effort)
            if effort.fail_fast and _failed([one]):
                waiting.clear()

    async with asyncio.TaskGroup() as group:
        for play in plays:
            group.create_task(work(play))
    return [one for _, one in sorted(done.items(), key=itemgetter(0))]


def _failed(results: Sequence[Swept]) -> bool:
    return any(one.result.verdict is Verdict.FAILED for one in results)


def _tell(one: Swept, effort: Effort) -> None:
    """Tell of a trial that failed."""
    if _failed([one]):
        effort.found(one)


async def swept(play: Play, trial: Trial, options: Options, control: Arm) -> Swept:
    """Play one trial against the control of its drill; its histories have a folder of their own."""
    kept = options.histories
    if kept is not None:
        options = replace(options, histories=kept / re.sub(r"[^\w.=-]+", "_", trial.label).strip("_"))
    return Swept(trial=trial, result=await run_on(play, armed(trial), options, control=control))
