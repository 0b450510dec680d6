"""What no single fault explains: sessions, overlaps, windows, seeds and schedules, until a run logs what the incident did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.errors import InvalidRun, UsageError
from harness.incidents.budget import broken_off
from harness.incidents.candidates import Suspect
from harness.incidents.diagnose import MORE_TIME, Diagnosis
from harness.incidents.distance import Candidate
from harness.incidents.lab import Tried
from harness.incidents.run_log import run_log
from harness.runner import SEED, Options
from harness.scenario import Scenario
from harness.search.explore import RUN_S_MAX, Effort, Explorer, Found
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
    """How runs are drawn: variations of these drills and new ones, for so many seconds, in so many processes.

    What is still played at `ends_s` monotonic seconds is broken off.
    """

    drills: Sequence[Scenario]
    for_s: float
    jobs: int
    ends_s: float | None = None
    say: Callable[[str], None] = lambda _: None


async def explore(diagnosis: Diagnosis, options: Options, how: Explored) -> None:
    """Play what is drawn until one that fails logs what the incident did; the first of the others are candidates, too.

    What ended it, other than the time, is noted: the target did not start, or a run differed from itself.
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
    if not await _explored(explorer, diagnosis, how):
        return
    if explorer.found is not None:
        await _keep(explorer.found, diagnosis, options, how)
    elif not diagnosis.settled:
        diagnosis.notes.append(
            f"{explorer.tally.runs} runs in other orders showed nothing like it; {MORE_TIME}"
        )


async def _explored(explorer: Explorer, diagnosis: Diagnosis, how: Explored) -> bool:
    """Play to a match or to the end of the time; False where something else ended it, and that is noted."""
    try:
        async with broken_off(how.ends_s):
            await explorer.run()
    except (UsageError, InvalidRun) as error:
        diagnosis.notes.append(f"the search in other orders ended after {explorer.tally.runs} runs: {error}")
        return False
    finally:
        diagnosis.played += explorer.tally.runs
    return True


async def _keep(found: Found, diagnosis: Diagnosis, options: Options, how: Explored) -> None:
    """Take a match into account as a scenario that carries its seed and its schedule; where it has none, say so."""
    until_s = float("inf") if how.ends_s is None else how.ends_s
    try:
        async with Host.of(options.profile, patience_s=RUN_S_MAX) as host:
            small: Reduced = await reduced(found, options, host, until_s=until_s)
    except (UsageError, InvalidRun) as error:
        diagnosis.notes.append(f"a run in another order matched and could not be played again: {error}")
        return
    diagnosis.add(_tried(found, small.scenario, diagnosis))


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
