"""How often the suite accuses a service that has done nothing wrong: clean runs, many seeds, all faults."""

import shlex
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from random import Random

from harness.errors import InvalidRun, UsageError
from harness.gates.statistics import upper_bound
from harness.matrix.play import How
from harness.runner import SEED, Options, opened, played
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.driven import POLICIES
from harness.targets.play import Play
from harness.verdict import Verdict, Violation

SCHEDULES = {"simulated": POLICIES[1]}
"""Who decides the schedules: chance, so that each seed is another run; where nobody can decide, nobody."""
SILENT_SHARE_MAX = 0.1
"""Where more of the runs than this say nothing, the rest is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A clean run that was judged to have failed, and the command that plays it again."""

    scenario: str
    seed: int
    violations: tuple[Violation, ...]
    replay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What came of the clean runs. `silent` are those that say nothing: the fault did not fire, the machine was slow.

    So many `different` scenarios and faults were played, of those that were `given`.
    """

    runs: int
    alarms: tuple[Alarm, ...]
    silent: tuple[str, ...]
    different: int = 0
    given: int = 0

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
        """Failed on any alarm; invalid where no run said anything, undecided where too many did not."""
        if self.alarms:
            return Verdict.FAILED
        if not self.judged:
            return Verdict.INVALID
        return Verdict.UNDECIDED if len(self.silent) > SILENT_SHARE_MAX * self.runs else Verdict.PASSED


@dataclass(frozen=True, slots=True)
class _Run:
    """One clean run to be played."""

    scenario: Scenario
    seed: int


async def controls(scenarios: Sequence[Scenario], options: Options, runs: int, how: How) -> Controls:
    """Play `runs` clean runs, each scenario once before any twice, in an order drawn from the seed of the first.

    Each has a seed of its own. One that cannot be played says nothing, and the others are played all the same.
    """
    first = SEED if options.seed is None else options.seed
    order = [replace(scenario, seed=None, schedule=None) for scenario in scenarios]
    Random(first).shuffle(order)
    wanted = [_Run(order[number % len(order)], first + number) for number in range(runs)]
    policy = SCHEDULES.get(options.stage, options.policy)

    async def one(play: Play, run: _Run) -> Alarm | str | None:
        return await _control(play, run, replace(options, seed=run.seed, policy=policy, defects=()))

    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(min(how.jobs, runs))]
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
        different=min(runs, len(order)),
        given=len(order),
    )


async def _control(play: Play, run: _Run, options: Options) -> Alarm | str | None:
    """The alarm of one clean run; why it says nothing, where it does; None where it is quiet."""
    try:
        arm = await played(play, run.scenario, options, arm="faulted")
    except (UsageError, InvalidRun) as error:
        return f"{run.scenario.name}, seed {run.seed}: {error}"
    judgement = arm.judgement
    if judgement.violations and not judgement.untrusted:
        return Alarm(
            scenario=run.scenario.name,
            seed=run.seed,
            violations=judgement.violations,
            replay=_replay(run, options),
        )
    if judgement.verdict is Verdict.PASSED:
        return None
    reasons = (
        *judgement.untrusted,
        *judgement.doubts,
        *(f"{name} never fired" for name in judgement.unfired),
    )
    return f"{run.scenario.name}, seed {run.seed}: {reasons[0]}"


def _replay(run: _Run, options: Options) -> str:
    """The command that plays one clean run again, and nothing else."""
    words = ["shakeout", "matrix", run.scenario.origin or run.scenario.name, "--controls", "1"]
    return shlex.join([*words, "--stage", options.stage, "--seed", str(run.seed), *options.aimed])
