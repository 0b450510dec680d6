"""How often the suite accuses a service that has done nothing wrong: clean runs, many seeds, all faults."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from harness.errors import InvalidRun
from harness.gates.statistics import upper_bound
from harness.matrix.play import How
from harness.runner import Options, opened, played
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.driven import POLICIES
from harness.targets.play import Play
from harness.verdict import Verdict, Violation

SCHEDULES = {"simulated": POLICIES[1]}
"""Who decides the schedules: chance, so that each seed is another run; where nobody can decide, nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A clean run that was judged to have failed, and the command that plays it again."""

    scenario: str
    seed: int
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What came of the clean runs. `silent` are those that say nothing: the fault did not fire, the machine was slow."""

    runs: int
    alarms: tuple[Alarm, ...]
    silent: tuple[str, ...]

    @property
    def judged(self) -> int:
        """The runs that could have raised an alarm."""
        return self.runs - len(self.silent)

    @property
    def share_max(self) -> float:
        """The largest share of false alarms that these runs leave possible, at 95 % (Clopper and Pearson)."""
        return upper_bound(len(self.alarms), self.judged) if self.judged else 1.0

    @property
    def verdict(self) -> Verdict:
        """Failed on any alarm; invalid where no run said anything."""
        if self.alarms:
            return Verdict.FAILED
        return Verdict.PASSED if self.judged else Verdict.INVALID


@dataclass(frozen=True, slots=True)
class _Run:
    """One clean run to be played."""

    scenario: Scenario
    seed: int


async def controls(scenarios: Sequence[Scenario], options: Options, runs: int, how: How) -> Controls:
    """Play `runs` clean runs, going round the scenarios and their faults, each with a seed of its own."""
    first = options.seed or 0
    wanted = [
        _Run(replace(scenarios[number % len(scenarios)], seed=None, schedule=None), first + number)
        for number in range(runs)
    ]

    async def one(play: Play, run: _Run) -> Alarm | str | None:
        policy = SCHEDULES.get(options.stage, options.policy)
        chosen = replace(options, seed=run.seed, policy=policy, defects=())
        try:
            arm = await played(play, run.scenario, chosen, arm="faulted")
        except InvalidRun as error:
            return f"{run.scenario.name}, seed {run.seed}: {error}"
        judgement = arm.judgement
        if judgement.violations and not judgement.untrusted:
            return Alarm(scenario=run.scenario.name, seed=run.seed, violations=judgement.violations)
        if judgement.verdict is Verdict.PASSED:
            return None
        reasons = (
            *judgement.untrusted,
            *judgement.doubts,
            *(f"{name} never fired" for name in judgement.unfired),
        )
        return f"{run.scenario.name}, seed {run.seed}: {reasons[0]}"

    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(how.jobs)]
        done = await spread(
            plays,
            wanted,
            one,
            say=lambda number, run: how.say(f"{number} of {runs}: {run.scenario.name}"),
        )
    return Controls(
        runs=runs,
        alarms=tuple(each for each in done if isinstance(each, Alarm)),
        silent=tuple(each for each in done if isinstance(each, str)),
    )
