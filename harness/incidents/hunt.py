"""From a signature to a reproduction: mistakes first, then faults, in the cheaper stage first, within a budget of time."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.incidents.asked import asked, asking
from harness.incidents.candidates import Suspect, of_defects, of_faults, saying
from harness.incidents.diagnose import MORE_TIME, Cause, Diagnosis, meet, search
from harness.incidents.interleavings import EXPLORED, Explored, explore
from harness.incidents.lab import Lab
from harness.incidents.signature import Read, Signature, signature_of
from harness.incidents.smaller import Smallest, smallest
from harness.runner import Arm, Options
from harness.scenario import Scenario, Wait, flat
from harness.sweep import planned, settled
from harness.targets.profile import defect_catalog

SEARCH_SHARE = 0.7
"""So much of the time goes to the search; the rest is for making what was found smaller."""

SHRINK_S_MAX = 15.0
"""So long it may be made smaller, whatever time is left."""

AGAIN_MAX = 3
"""So many matches are played again, nearest first, until one fails again."""

LARGE_TURNS = 40
"""A drill with more steps than this shows no more of a healthy service than a small one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How it is searched: in these stages, for so long, with so many places; `text` is what the turns are to say.

    `scenarios` declare mistakes; `drills`, by name, are for everything else.
    """

    stages: tuple[str, ...]
    for_s: float
    jobs: int
    scenarios: Sequence[Scenario]
    drills: dict[str, Scenario]
    text: str | None = None
    read: Read = signature_of
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunted:
    """What was found: all that was tried and, of the nearest match that failed again, the smallest."""

    diagnosis: Diagnosis
    cause: Cause | None = None
    small: Smallest | None = None


class Hunt:
    """One search for what wrote a log."""

    def __init__(self, incident: Signature, options: Options, how: How) -> None:
        self._diagnosis = Diagnosis(incident, read=how.read)
        self._options = options
        requests = asked(incident, options.profile.health or "")
        self._how = replace(how, drills={name: asking(drill, requests) for name, drill in how.drills.items()})
        self._began = time.monotonic()
        self._met: dict[str, list[Arm]] = {}
        self._closed: dict[str, ShakeoutError] = {}

    async def run(self) -> Hunted:
        """Search, then make what was found smaller.

        Raises:
            UsageError: no stage can carry the target.
            InvalidRun: the target died in each of them.
        """
        stages = self._how.stages
        for stage in stages:
            if any(self._mistakes(stage)) and not self._whole and not self._spent:
                await self._search(stage, self._mistakes)
        for stage in stages:
            if self._open(stage):
                await self._search(stage, self._faults)
            if stage == EXPLORED and stage not in self._closed and self._diagnosis.odd:
                await self._explore(share=0.5 if stage != stages[-1] else 1.0)
        if len(self._closed) == len(stages) and not self._diagnosis.logged:
            raise self._closed[stages[-1]]
        if self._spent and not self._diagnosis.settled:
            left = [stage for stage in stages if stage not in self._met and stage not in self._closed]
            self._diagnosis.notes += [
                f"time was over before the stage {stage}; {MORE_TIME}" for stage in left
            ]
        return await self._smallest()

    def _open(self, stage: str) -> bool:
        """Whether there is anything to look for in a stage, and time for it."""
        return stage not in self._closed and not self._diagnosis.settled and not self._spent

    async def _explore(self, *, share: float) -> None:
        """Look for what no single fault explains, for so much of the time that is left; why it could not, is noted."""
        how, diagnosis = self._how, self._diagnosis
        if diagnosis.settled:
            return
        if self._spent:
            diagnosis.notes.append(f"time was over before other orders were played; {MORE_TIME}")
            return
        drawn = Explored(
            drills=self._small_drills(),
            for_s=share * (self._until_s - time.monotonic()),
            jobs=how.jobs,
            ends_s=self._ends_s,
            say=how.say,
        )
        await explore(diagnosis, replace(self._options, stage=EXPLORED), drawn)

    @property
    def _until_s(self) -> float:
        return self._began + SEARCH_SHARE * self._how.for_s

    @property
    def _ends_s(self) -> float:
        return self._began + self._how.for_s

    @property
    def _spent(self) -> bool:
        return time.monotonic() >= self._until_s

    @property
    def _whole(self) -> bool:
        """Whether there is a match that lacks nothing."""
        return any(not cause.lacks for cause in self._diagnosis.matches[:1])

    async def _search(self, stage: str, of: Callable[[str], Iterator[Suspect]]) -> None:
        """Try the suspects of one kind in one stage; where the target cannot be held there, say so."""
        how = self._how
        options = replace(self._options, stage=stage)
        try:
            async with Lab.of(
                options,
                jobs=how.jobs,
                until_s=self._until_s,
                ends_s=self._ends_s,
                say=how.say,
                read=how.read,
            ) as lab:
                if stage not in self._met:
                    self._met[stage] = await meet(lab, self._diagnosis, self._small_drills())
                if not self._diagnosis.settled:
                    await search(lab, self._diagnosis, tuple(of(stage)))
        except (UsageError, InvalidRun) as error:
            self._closed[stage] = error
            self._diagnosis.notes.append(f"not played in the stage {stage}: {error}")

    def _small_drills(self) -> list[Scenario]:
        """The drills on which it is learned what a healthy service logs."""
        drills = (drill for drill in self._how.drills.values() if not _waits(drill))
        return [saying(drill, self._how.text) for drill in drills if _turns(drill) <= LARGE_TURNS]

    def _mistakes(self, stage: str) -> Iterator[Suspect]:
        """The mistakes that the target can be built with and that this stage is the cheapest for."""
        said = [saying(scenario, self._how.text) for scenario in self._how.scenarios]
        suspects = of_defects(said, defect_catalog(self._options.profile), self._how.stages)
        return (suspect for suspect in suspects if suspect.stage == stage)

    def _faults(self, stage: str) -> Iterator[Suspect]:
        """The faults that this target can be put under."""
        profile = self._options.profile
        drills = {name: saying(drill, self._how.text) for name, drill in self._how.drills.items()}
        plan = planned(profile, stage, drills, [])
        trials = settled(plan, profile, [arm.history for arm in self._met[stage]]).trials
        return of_faults((trial for trial in trials if not _waits(trial.drill)), stage)

    async def _smallest(self) -> Hunted:
        """Of the nearest match that fails again, the smallest that does.

        The nearest is played again however late it is, the others only while there is time.
        """
        diagnosis, how, ends_s = self._diagnosis, self._how, self._ends_s
        until_s = min(ends_s, time.monotonic() + SHRINK_S_MAX)
        for number, cause in enumerate(diagnosis.matches[:AGAIN_MAX]):
            if number and time.monotonic() >= ends_s:
                diagnosis.notes.append(f"time was over before other matches were played again; {MORE_TIME}")
                break
            how.say(f"making it smaller: {cause.suspect.label}")
            options = replace(self._options, stage=cause.suspect.stage)
            async with Lab.of(options, jobs=1, until_s=until_s, say=how.say, read=how.read) as lab:
                small = await smallest(lab, diagnosis, cause, until_s=until_s, ends_s=ends_s)
            if small is not None:
                return Hunted(diagnosis=diagnosis, cause=cause, small=small)
            diagnosis.notes.append(f"{cause.suspect.label} did not fail again")
        return Hunted(diagnosis=diagnosis)


def _waits(scenario: Scenario) -> bool:
    """Whether it waits: what is got over then logs no more than without, and takes its time."""
    return any(isinstance(step, Wait) for step in scenario.steps)


def _turns(scenario: Scenario) -> int:
    return len(flat(scenario.steps))
