"""What no single fault explains: sessions, overlaps, windows, seeds and schedules, until a run logs what the incident did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.incidents.candidates import Suspect
from harness.incidents.diagnose import MORE_TIME, Diagnosis
from harness.incidents.distance import Candidate
from harness.incidents.lab import Tried
from harness.incidents.run_log import run_log
from harness.runner import SEED, Options
from harness.scenario import Scenario
from harness.search.explore import Effort, Explorer, Found
from harness.search.reduce import Reduced, reduced
from harness.search.scenarios import Surface
from harness.search.trials import trials
from harness.targets.hosted import Host

EXPLORED = "simulated"
"""The stage in which schedules can be decided."""

ORDER = "the order of things"
"""What a suspect is called that has no fault, and fails under a schedule only."""

MISSES_MAX = 20
"""So many runs that failed and logged another thing are kept: the nearest miss is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """How runs are drawn: variations of these drills and new ones, for so many seconds, in so many processes."""

    drills: Sequence[Scenario]
    for_s: float
    jobs: int
    say: Callable[[str], None] = lambda _: None


async def explore(diagnosis: Diagnosis, options: Options, how: Explored) -> None:
    """Play what is drawn until one that fails logs what the incident did; the first of the others are candidates, too.

    Raises:
        UsageError: the target does not start.
        InvalidRun: a run differed from itself.
    """
    seed = SEED if options.seed is None else options.seed
    drawn = trials(how.drills, Surface.of(options.profile), seed, drawing=True)
    misses = 0

    def matched(found: Found) -> bool:
        nonlocal misses
        tried = _tried(found, found.trial.scenario, diagnosis)
        if diagnosis.matched(tried):
            return True
        misses += 1
        if misses <= MISSES_MAX:
            diagnosis.add(tried)
        return False

    explorer = Explorer(options, Effort(for_s=how.for_s, jobs=how.jobs), drawn, how.say, wanted=matched)
    found = await explorer.run()
    diagnosis.played += explorer.tally.runs
    if found is not None:
        diagnosis.add(await _replayable(found, diagnosis, options))
    elif not diagnosis.settled:
        diagnosis.notes.append(
            f"{explorer.tally.runs} runs in other orders showed nothing like it; {MORE_TIME}"
        )


async def _replayable(found: Found, diagnosis: Diagnosis, options: Options) -> Tried:
    """The same as a scenario that carries its seed and its schedule.

    Raises:
        InvalidRun: it does not fail again.
    """
    async with Host.of(options.profile) as host:
        small: Reduced = await reduced(found, options, host)
    return _tried(found, small.scenario, diagnosis)


def _tried(found: Found, scenario: Scenario, diagnosis: Diagnosis) -> Tried:
    """What came of a run that was drawn; what it is compared with is what the service logs when it is well."""
    name = " and ".join(sorted({fault.name for fault in scenario.faults})) or ORDER
    suspect = Suspect(
        name=name,
        scenario=scenario,
        stage=EXPLORED,
        twin=replace(scenario, faults=(), schedule=None),
    )
    run = diagnosis.read(run_log(found.played.history), found.played.history.header.contract)
    return Tried(
        suspect=suspect,
        violations=found.violations,
        candidate=Candidate(run=run, control=diagnosis.healthy),
    )
