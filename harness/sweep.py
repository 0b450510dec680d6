"""The sweep: every fault that a target can be put under, one after the other, on drills that fit any service."""

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.registry import CAPABILITIES, FAULTS, drill_of, needs_of, stages_of
from harness.rig import Fault
from harness.runner import Arm, Options, conclude, played, run_on
from harness.scenario import Scenario
from harness.targets.play import Play
from harness.targets.profile import Profile
from harness.variants import variants
from harness.verdict import ScenarioVerdict, Verdict


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
class Sweep:
    """All that came of a sweep: the drills without a fault, then the trials."""

    plan: Plan
    clean: tuple[ScenarioVerdict, ...]
    results: tuple[Swept, ...]

    @property
    def verdicts(self) -> tuple[ScenarioVerdict, ...]:
        """Every verdict in it."""
        return (*self.clean, *(each.result for each in self.results))

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole."""
        return Verdict.worst(each.verdict for each in self.verdicts)


def planned(profile: Profile, stage: str, drills: Mapping[str, Scenario], names: Sequence[str]) -> Plan:
    """The trials of the faults that are named (by name, plane or label; all for none) on the drills that fit them.

    Raises:
        UsageError: a name is that of no fault.
    """
    trials: list[Trial] = []
    elsewhere: dict[str, str] = {}
    for name, kind in FAULTS.items():
        for fault in variants(kind):
            label = labelled(fault)
            if names and not {name, name.partition(".")[0], label} & set(names):
                continue
            if reason := _not_applicable(fault, profile, stage):
                elsewhere[name] = reason
            else:
                trials.append(Trial(label=label, fault=fault, drill=drills[drill_of(fault)]))
    if not trials and not elsewhere:
        raise UsageError(
            f"no fault is called {' or '.join(names)}; `shakeout list faults` names those that there are"
        )
    if not trials:
        raise UsageError("; ".join(f"{name}: {reason}" for name, reason in sorted(elsewhere.items())))
    return Plan(trials=tuple(trials), not_applicable=elsewhere)


def _not_applicable(fault: Fault, profile: Profile, stage: str) -> str:
    """Why the fault cannot be played against the target in the stage; empty where it can."""
    if stage not in stages_of(fault):
        return f"is played {' or '.join(stages_of(fault))}"
    missing = sorted(needs_of(fault) - profile.capabilities)
    return "; ".join(f"needs {name}: {CAPABILITIES[name]}" for name in missing)


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


async def controls(
    play: Play, plan: Plan, options: Options
) -> AsyncIterator[tuple[Scenario, Arm, ScenarioVerdict]]:
    """Play each drill of the plan once without a fault: what they are held to.

    Raises:
        InvalidRun: a drill broke off: nothing that is played on it would say anything.
    """
    for drill in {trial.drill.name: trial.drill for trial in plan.trials}.values():
        arm = await played(play, drill, options, arm="control")
        yield drill, arm, conclude(drill, options, [arm], arm.history.header.elapsed_s)


async def swept(play: Play, trial: Trial, options: Options, control: Arm) -> Swept:
    """Play one trial against the control of its drill; once more, where the machine was too slow to judge by."""
    result = await run_on(play, armed(trial), options, control=control)
    if result.verdict is Verdict.UNDECIDED:
        result = await run_on(play, armed(trial), options, control=control)
    return Swept(trial=trial, result=result)
