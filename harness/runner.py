"""The runner: plays a scenario and its twin without the fault, and says what may be said of both."""

import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import recording
from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.history import History
from harness.judge import Judgement, judge
from harness.registry import INVARIANTS
from harness.scenario import Scenario
from harness.targets.driven import Job
from harness.targets.play import stage_named
from harness.targets.profile import Profile
from harness.verdict import ScenarioVerdict, Verdict

SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How scenarios are played. `histories` is where histories are kept; None keeps none."""

    profile: Profile
    stage: str = "live"
    seed: int = SEED
    defects: tuple[str, ...] = ()
    histories: Path | None = None
    target: str = ""

    def replay(self, *scenarios: Scenario) -> str:
        """The command that plays scenarios like this again, from any folder in which the target can be imported."""
        words = ["shakeout", "run", *(scenario.origin or scenario.name for scenario in scenarios)]
        words += ["--stage", self.stage, "--seed", str(self.seed)]
        words += [word for defect in self.defects for word in ("--defect", defect)]
        words += ["--target", self.target] if self.target else []
        return shlex.join(words)


def playable(scenarios: Sequence[Scenario], stage: str) -> tuple[Scenario, ...]:
    """The scenarios that the stage can carry; the others are not applicable there, and never count as passed.

    Raises:
        UsageError: it can carry none of them.
    """
    carried = tuple(scenario for scenario in scenarios if stage in scenario.stages)
    if not carried:
        wanted = "; ".join(f"{one.name} is played in {', '.join(one.stages)}" for one in scenarios)
        raise UsageError(f"nothing to play in {stage}: {wanted}")
    return carried


async def run(scenario: Scenario, options: Options) -> ScenarioVerdict:
    """Play one scenario, and its twin without the fault where it has one.

    Raises:
        UsageError: the target does not start, or the stage cannot carry the scenario.
    """
    playable([scenario], options.stage)
    began = time.monotonic()
    try:
        arms = [_judged(await _play(scenario, "faulted", options), scenario, options)]
        if scenario.faults:
            arms.append(_judged(await _play(scenario, "control", options), scenario, options))
    except BaseExceptionGroup as group:
        # The driver works in task groups: what ended the run is the first of ours in there.
        ours, _ = group.split(ShakeoutError)
        if ours is None:
            raise
        error = _first(ours)
        if not isinstance(error, InvalidRun):
            raise error from group
        return _invalid(scenario, options, str(error), time.monotonic() - began)
    except (InvalidRun, TimeoutError) as error:
        reason = str(error) or "the run did not end within its time"
        return _invalid(scenario, options, reason, time.monotonic() - began)
    return _conclude(scenario, options, arms, time.monotonic() - began)


async def _play(scenario: Scenario, arm: str, options: Options) -> History:
    """Play one arm in a directory of its own, which goes when it has been read."""
    job = Job(
        name=scenario.name,
        arm=arm,
        steps=scenario.steps,
        faults=scenario.faults if arm == "faulted" else (),
        profile=options.profile,
        seed=options.seed,
        defects=options.defects,
        golden_turns=scenario.golden_turns,
    )
    with tempfile.TemporaryDirectory(prefix="shakeout-") as directory:
        return await stage_named(options.stage)(job, Path(directory))


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm with its judgement."""

    history: History
    judgement: Judgement


def _judged(history: History, scenario: Scenario, options: Options) -> _Arm:
    """Judge one arm, and keep its history where that is wanted."""
    if options.histories is not None:
        recording.write(history, options.histories)
    return _Arm(history, judge(history, (*INVARIANTS.values(), *scenario.invariants)))


def _conclude(scenario: Scenario, options: Options, arms: list[_Arm], elapsed_s: float) -> ScenarioVerdict:
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
    )


def _first(group: BaseExceptionGroup[ShakeoutError]) -> ShakeoutError:
    """The first error of a group, however deep."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _invalid(scenario: Scenario, options: Options, reason: str, elapsed_s: float) -> ScenarioVerdict:
    """The verdict of a run that broke off."""
    return ScenarioVerdict(
        name=scenario.name,
        verdict=Verdict.INVALID,
        reasons=(reason,),
        elapsed_s=elapsed_s,
        replay=options.replay(scenario),
    )
