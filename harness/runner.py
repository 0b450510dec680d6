"""The runner: plays a scenario and its twin without the fault, and says what may be said of both."""

import shlex
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness import recording
from harness.errors import Inapplicable, InvalidRun, UsageError, first_of
from harness.history import Header, History
from harness.judge import Judgement, judge
from harness.registry import CAPABILITIES, OBSERVED, in_force, needs_of
from harness.rig import Fault
from harness.scenario import Scenario, Schedule
from harness.steps import fitted
from harness.targets.driven import POLICIES, Job
from harness.targets.play import Play, stage_named
from harness.targets.profile import Profile
from harness.verdict import ScenarioVerdict, Verdict

SEED = 1
STAGE = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How scenarios are played. `histories` is where histories are kept; None keeps none.

    A `seed` of None leaves it to each scenario. `policy` decides the schedules of simulated runs, `loop` is the kind of
    event loop of live ones, the server's own choice where it is empty.
    """

    profile: Profile
    stage: str = STAGE
    seed: int | None = None
    policy: str = POLICIES[0]
    defects: tuple[str, ...] = ()
    histories: Path | None = None
    target: str = ""
    allowed_host: str = ""
    loop: str = ""

    @property
    def aimed(self) -> list[str]:
        """The words of a command that name the target, and the event loop that it is served on."""
        words = [word for defect in self.defects for word in ("--defect", defect)]
        words += ["--target", self.target] if self.target else []
        words += ["--allow-host", self.allowed_host] if self.allowed_host else []
        return words + (["--loop", self.loop] if self.loop else [])

    def replay(self, *scenarios: Scenario) -> str:
        """The command that plays scenarios like this again, from any folder in which the target can be imported."""
        words = ["shakeout", "run", *(scenario.origin or scenario.name for scenario in scenarios)]
        words += ["--stage", self.stage]
        if self.seed is not None or all(scenario.seed is None for scenario in scenarios):
            words += ["--seed", str(SEED if self.seed is None else self.seed)]
        words += ["--policy", self.policy] if self.policy != POLICIES[0] else []
        return shlex.join([*words, *self.aimed])

    def seed_of(self, scenario: Scenario) -> int:
        """The seed that a scenario is played with.

        Raises:
            UsageError: another one is asked for than the one that its schedule belongs to.
        """
        own = SEED if scenario.seed is None else scenario.seed
        if scenario.schedule is not None and self.seed not in (None, own):
            raise UsageError(f"{scenario.name}: its schedule belongs to seed {own}; leave --seed out")
        if scenario.schedule is not None and self.policy != POLICIES[0]:
            raise UsageError(f"{scenario.name} brings its own schedule; leave --policy out")
        return own if self.seed is None else self.seed


def playable(scenarios: Sequence[Scenario], stage: str) -> tuple[Scenario, ...]:
    """The scenarios that the stage can carry; the others are not applicable there, and never count as passed.

    Raises:
        UsageError: it can carry none of them.
    """
    carried = tuple(scenario for scenario in scenarios if stage in scenario.stages)
    if not carried:
        wanted = "; ".join(f"{one.name} is played in {', '.join(one.stages)}" for one in scenarios)
        raise UsageError(f"nothing to play in {stage}: {wanted}; give --stage {scenarios[0].stages[0]}")
    return carried


def check_needs(scenario: Scenario, profile: Profile) -> None:
    """Refuse a fault for which the target has nothing that it could break.

    Raises:
        Inapplicable: the message names the fault, and what is missing.
    """
    for fault in scenario.faults:
        for name in sorted(needs_of(fault) - profile.capabilities - OBSERVED):
            raise Inapplicable(
                f"{scenario.name}: {fault.name} needs {name} ({CAPABILITIES[name]}), which {profile.name} has not"
            )


@asynccontextmanager
async def opened(options: Options) -> AsyncIterator[Play]:
    """The stage of the options, opened for as many scenarios as are to be played there.

    Raises:
        UsageError: there is no such stage.
    """
    async with stage_named(options.stage)(options.profile) as play:
        yield play


async def run(scenario: Scenario, options: Options) -> ScenarioVerdict:
    """Play one scenario on a stage of its own; `run_on` plays several on one."""
    async with opened(options) as play:
        return await run_on(play, scenario, options)


async def run_on(
    play: Play, scenario: Scenario, options: Options, *, control: "Arm | None" = None
) -> ScenarioVerdict:
    """Play one scenario, and its twin without the fault where it has one and no `control` stands for that.

    Raises:
        UsageError: the target does not start, or the stage cannot carry the scenario.
        Inapplicable: the target has not what it would break.
    """
    playable([scenario], options.stage)
    check_needs(scenario, options.profile)
    began = time.monotonic()
    try:
        faulted = await _history(play, job(scenario, "faulted", options))
        arms = []
        if scenario.faults:
            arms = [control or await played(play, scenario, options, arm="control")]
            faulted = _beside(faulted, arms[0].history)
        arms = [_judged(faulted, scenario, options), *arms]
    except InvalidRun as error:
        return _invalid(scenario, options, str(error), time.monotonic() - began)
    return conclude(scenario, options, arms, time.monotonic() - began)


async def played(
    play: Play, scenario: Scenario, options: Options, *, arm: str, wired: tuple[Fault, ...] | None = None
) -> "Arm":
    """Play one arm of a scenario, and judge it. The target is made ready for the faults `wired`, its own where None.

    Raises:
        UsageError: the target does not start, or the stage cannot carry it.
        InvalidRun: it broke off, and says nothing.
    """
    return _judged(await _history(play, job(scenario, arm, options, wired=wired)), scenario, options)


async def _history(play: Play, job: Job) -> History:
    """Play one arm.

    Raises:
        UsageError: as `played`.
        InvalidRun: as `played`.
    """
    try:
        return await play(job)
    except BaseExceptionGroup as group:
        # The driver works in task groups: what ended the run is the first of ours in there.
        error = first_of(group)
        if error is None:
            raise
        raise error from group
    except TimeoutError as error:
        raise InvalidRun(str(error) or "the run did not end within its time") from error


def job(scenario: Scenario, arm: str, options: Options, *, wired: tuple[Fault, ...] | None = None) -> Job:
    """What a stage needs to play one arm (`faulted` or `control`) of a scenario.

    The steps are those that the target can hold: what it has no keys, streams or health path for is left out. A
    stored schedule is played in the simulated stage, in the arm that it was stored for.
    """
    profile = options.profile
    streams = profile.turn.stream != "never"
    faulted = arm == "faulted"
    schedule = scenario.schedule if faulted else None
    return Job(
        name=scenario.name,
        arm=arm,
        steps=fitted(
            scenario.steps,
            keys=profile.turn.keys,
            streams=streams,
            health=profile.health,
            recovery_s=profile.contract.recovery_s_max,
        ),
        faults=scenario.faults if faulted else (),
        profile=profile,
        seed=options.seed_of(scenario),
        defects=options.defects,
        golden_turns=scenario.golden_turns,
        policy=options.policy,
        holds=schedule.holds if schedule is not None else None,
        origin=scenario.origin,
        wired=scenario.faults if wired is None else wired,
        loop=options.loop,
    )


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm with its judgement."""

    history: History
    judgement: Judgement


def _beside(faulted: History, control: History) -> History:
    """The history of the faulted arm, with what its oracles are to know of the control."""
    took_ms = tuple(1000 * turn.elapsed_s for turn in control.turns if turn.role == "golden")
    return replace(faulted, header=replace(faulted.header, control_golden_ms=took_ms))


def _judged(history: History, scenario: Scenario, options: Options) -> Arm:
    """Judge one arm, and keep its history where that is wanted."""
    if options.histories is not None:
        recording.write(history, options.histories)
    if scenario.schedule is not None and history.header.arm == "faulted":
        _check_schedule(scenario, scenario.schedule, history.header, options)
    faults = scenario.faults if history.header.arm == "faulted" else ()
    return Arm(history, judge(history, (*in_force(faults), *scenario.invariants)))


def _check_schedule(scenario: Scenario, schedule: Schedule, header: Header, options: Options) -> None:
    """Hold a stored schedule to what was played under it.

    A service without the mistakes that the scenario declares goes other ways, and is at least not accused.

    Raises:
        InvalidRun: it was recorded with other code, or with other steps: it proves nothing.
    """
    again = (
        f"look for one with `shakeout explore {scenario.origin or scenario.name}`; "
        "where nothing fails any more, leave schedule= out"
    )
    if schedule.code != header.code:
        raise InvalidRun(
            f"its schedule was recorded with another version of the code ({schedule.code}; this is {header.code}), "
            f"and proves nothing with this one: {again}"
        )
    if not header.schedule_fits and set(options.defects) == set(scenario.defects):
        raise InvalidRun(
            f"its schedule was recorded with other steps, and proves nothing with these: {again}"
        )


def conclude(scenario: Scenario, options: Options, arms: list[Arm], elapsed_s: float) -> ScenarioVerdict:
    """What the arms say together: untrusted first, then violations, then faults that never fired, then doubts."""
    judgements = [arm.judgement for arm in arms]
    together = Judgement(
        violations=tuple(item for each in judgements for item in each.violations),
        untrusted=tuple(item for each in judgements for item in each.untrusted),
        unfired=judgements[0].unfired,
        doubts=tuple(item for each in judgements for item in each.doubts),
        checked=judgements[0].checked,
    )
    never = (f"{name} never fired" for name in together.unfired)
    return ScenarioVerdict(
        name=scenario.name,
        verdict=together.verdict,
        violations=together.violations,
        control=str(judgements[1].verdict) if len(arms) > 1 else "none",
        faults_fired=arms[0].history.fired(),
        reasons=(*together.untrusted, *never, *together.doubts),
        checked=together.checked,
        elapsed_s=elapsed_s,
        replay=options.replay(scenario),
        seed=options.seed_of(scenario),
    )


def _invalid(scenario: Scenario, options: Options, reason: str, elapsed_s: float) -> ScenarioVerdict:
    """The verdict of a run that broke off."""
    return ScenarioVerdict(
        name=scenario.name,
        verdict=Verdict.INVALID,
        reasons=(reason,),
        elapsed_s=elapsed_s,
        replay=options.replay(scenario),
        seed=options.seed_of(scenario),
    )
