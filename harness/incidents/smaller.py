"""Makes a match smaller: fewer steps, fewer faults, while it fails alike and its log is as near to the incident's."""

import time
from dataclasses import dataclass, replace

from harness.incidents.budget import broken_off
from harness.incidents.candidates import Suspect
from harness.incidents.diagnose import Cause, Diagnosis
from harness.incidents.distance import Distance
from harness.incidents.lab import Lab, Tried
from harness.scenario import Disconnect, Scenario, Turn, flat
from harness.search.shrink import drive_async, smaller_scenarios

CONFIRMED_WITHIN = 3
"""So often a match may be played again until it fails again: threads and a busy machine let a race go well at times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
    """The smallest suspect that still is a match, what came of it, and how many were played for it."""

    tried: Tried
    distance: Distance
    invariant: str
    runs: int

    @property
    def unexplained(self) -> tuple[str, ...]:
        """What is odd in the log and nowhere in its run."""
        return tuple(trait for trait in self.distance.lacks if trait not in self.tried.candidate.run.traits)


async def smallest(
    lab: Lab, diagnosis: Diagnosis, cause: Cause, *, until_s: float, ends_s: float
) -> Smallest | None:
    """Play smaller and smaller ones, until so many monotonic seconds; None where the match itself does not fail again.

    It is played again at least once, and several times only until `ends_s`.
    """
    shrinker = _Shrinker(lab, diagnosis, cause)
    return await shrinker.run(until_s, ends_s)


class _Shrinker:
    """One match that is made smaller; each candidate is compared with its own twin."""

    def __init__(self, lab: Lab, diagnosis: Diagnosis, cause: Cause) -> None:
        self._lab = lab
        self._diagnosis = diagnosis
        self._suspect = cause.suspect
        self._broken = {one.invariant for one in cause.tried.violations}
        self._farthest = diagnosis.distance(cause.tried)
        self._lacking = set(self._farthest.lacks)
        self._best: Smallest | None = None
        self._runs = 0

    async def run(self, until_s: float, ends_s: float) -> Smallest | None:
        """The smallest that was found in the time; the first run of the match is played to its end."""
        start = replace(self._suspect.scenario, stages=(self._suspect.stage,))
        if not await self._confirmed(start, ends_s):
            return None
        if start.schedule is not None:  # made small when it was found; its schedule fits these steps alone
            return self._best
        async with broken_off(until_s):
            await drive_async(
                smaller_scenarios, start, self._matches, spent=lambda: time.monotonic() >= until_s
            )
        return None if self._best is None else replace(self._best, runs=self._runs)

    async def _confirmed(self, start: Scenario, ends_s: float) -> bool:
        """Whether the match fails again, for a reason that both runs have: of only one of them it is not known whose it is.

        How far its log is then, that of a smaller one may be too: where threads are at work, no two runs log the same.
        """
        for number in range(CONFIRMED_WITHIN):
            if number and time.monotonic() >= ends_s:
                break
            again = await self._again(start)
            if again is None or not self._diagnosis.matched(again):
                continue
            found = self._diagnosis.distance(again)
            self._farthest = max(self._farthest, found, key=lambda one: one.value)
            self._lacking |= set(found.lacks)
            self._broken = {self._reason(again)}
            self._keep(again, found)
            return True
        return False

    async def _again(self, scenario: Scenario) -> Tried | None:
        """What came of another run; None where it does not fail for the same reason."""
        self._runs += 1
        tried = await self._lab.again(_with(self._suspect, scenario))
        broken = set() if tried is None else {one.invariant for one in tried.violations}
        return tried if self._broken & broken else None

    def _reason(self, tried: Tried) -> str:
        """Of what both runs broke, what the suspect is known for, else the first."""
        both = [one.invariant for one in tried.violations if one.invariant in self._broken]
        return next((one for one in both if one in self._suspect.reasons), both[0])

    def _keep(self, tried: Tried, distance: Distance) -> None:
        (invariant,) = self._broken
        self._best = Smallest(tried=tried, distance=distance, invariant=invariant, runs=self._runs)

    async def _matches(self, scenario: Scenario) -> bool:
        """Whether it fails for the same reason, and its log is no farther from the incident's.

        What holds no turn of its own is not asked for: the harness's own turns at the end may well fail, and tell nothing.
        """
        if not any(isinstance(step, Turn | Disconnect) for step in flat(scenario.steps)):
            return False
        if (tried := await self._again(scenario)) is None:
            return False
        near = self._diagnosis.distance(tried)
        if near.value > self._farthest.value or not set(near.lacks) <= self._lacking:
            return False
        self._keep(tried, near)
        return True


def _with(suspect: Suspect, scenario: Scenario) -> Suspect:
    """The suspect in another scenario: its twin has the defect no more, or the fault where there is no defect."""
    twin = scenario if suspect.defects else replace(scenario, faults=(), schedule=None)
    return replace(suspect, scenario=scenario, twin=twin)
