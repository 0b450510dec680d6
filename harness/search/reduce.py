"""Makes what an exploration found as small as it can in its time: steps, faults, and deviations of the schedule."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import InvalidRun
from harness.runner import Options, job
from harness.scenario import Scenario, Schedule
from harness.search.explore import Found, judged
from harness.search.shrink import drive_async, fewer_holds, smaller_scenarios
from harness.simulation import Hold
from harness.targets.driven import POLICIES
from harness.targets.hosted import Host, Simulated

REDUCE_S_MAX = 30.0
"""How long it may take; what is smallest by then is what is told. The scenario gets the first half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """A scenario that fails for one of the same reasons, with the seed and the schedule under which it does.

    `runs` is how many were played for it.
    """

    scenario: Scenario
    invariant: str
    runs: int
    elapsed_s: float

    @property
    def deviations(self) -> int:
        """How often its schedule deviates from the ordinary run."""
        return len(self.scenario.schedule.holds) if self.scenario.schedule is not None else 0


async def reduced(found: Found, options: Options, host: Host, *, until_s: float = float("inf")) -> Reduced:
    """Play the trial again, and smaller and smaller ones, in `host`.

    No smaller one is begun after `until_s` monotonic seconds; the trial itself is played again however late it is.

    Raises:
        InvalidRun: it does not fail again.
    """
    reducer = _Reducer(found, options, host, until_s)
    return await reducer.reduce()


class _Reducer:
    """One failure that is made smaller; what counts is that the invariant which it broke first is broken again."""

    def __init__(self, found: Found, options: Options, host: Host, until_s: float) -> None:
        self._found = found
        self._invariant = found.violations[0].invariant
        self._options = replace(options, seed=None, policy=POLICIES[0])
        self._host = host
        self._began = time.monotonic()
        self._until_s = min(until_s, self._began + REDUCE_S_MAX)
        self._runs = 0
        self._schedules: list[tuple[Scenario, Schedule | None]] = []

    async def reduce(self) -> Reduced:
        """The ordinary run, if it fails too, has no schedule to carry; else steps and faults, then deviations."""
        trial, schedule = self._found.trial, self._found.played.schedule
        plain = replace(trial.scenario, seed=trial.seed, schedule=None)
        recorded = replace(plain, schedule=schedule, stages=("simulated",))
        if await self._fails(plain):
            recorded = plain
        elif not await self._fails(recorded):
            raise InvalidRun(
                f"{trial}: failed with {self._invariant}, and did not fail when it was played again"
            )
        smallest = await drive_async(
            smaller_scenarios, recorded, self._fails_somehow, spent=lambda: self._spent(share=0.5)
        )
        smallest = replace(smallest, schedule=self._schedule_of(smallest))
        smallest = await self._settled(await self._with_fewer_holds(smallest))
        return Reduced(
            scenario=smallest,
            invariant=self._invariant,
            runs=self._runs,
            elapsed_s=time.monotonic() - self._began,
        )

    async def _with_fewer_holds(self, scenario: Scenario) -> Scenario:
        """The scenario under the least schedule; none, where it needs none."""
        if scenario.schedule is None:
            return scenario
        code = scenario.schedule.code

        def under(holds: Sequence[Hold]) -> Scenario:
            kept = tuple((hold.lane, hold.step, hold.times) for hold in holds)
            return replace(scenario, schedule=Schedule(code=code, holds=kept) if kept else None)

        async def fails(holds: Sequence[Hold]) -> bool:
            return await self._fails(under(holds))

        holds = tuple(Hold(*hold) for hold in scenario.schedule.holds)
        return under(await drive_async(fewer_holds, holds, fails, spent=self._spent))

    async def _settled(self, scenario: Scenario) -> Scenario:
        """The scenario under the schedule that it really had: what held nothing back is no part of it.

        Raises:
            InvalidRun: it does not fail again.
        """
        played = await self._played(scenario, POLICIES[0])
        if played is None or not self._broken(played, scenario):
            raise InvalidRun(
                f"{self._found.trial}: failed with {self._invariant}, and not when it was played again"
            )
        if not played.schedule.holds:
            return replace(scenario, schedule=None)
        return replace(scenario, schedule=played.schedule)

    async def _fails_somehow(self, candidate: Scenario) -> bool:
        """Whether it fails under the schedule that was recorded, or, where other steps need another, under any policy."""
        if await self._fails(candidate):
            return True
        if candidate.schedule is None:
            return False
        for policy in POLICIES[1:]:
            played = await self._played(replace(candidate, schedule=None), policy)
            if played is not None and self._broken(played, candidate):
                self._schedules.append((candidate, played.schedule))
                return True
        return False

    def _schedule_of(self, scenario: Scenario) -> Schedule | None:
        """The schedule under which it was seen to fail."""
        found = (schedule for candidate, schedule in self._schedules if candidate == scenario)
        return next(found, scenario.schedule)

    async def _fails(self, candidate: Scenario) -> bool:
        played = await self._played(candidate, POLICIES[0])
        return played is not None and self._broken(played, candidate)

    def _broken(self, played: Simulated, candidate: Scenario) -> bool:
        judgement = judged(played, candidate)
        return not judgement.untrusted and any(
            violation.invariant == self._invariant for violation in judgement.violations
        )

    async def _played(self, candidate: Scenario, policy: str) -> Simulated | None:
        """Play a candidate; None where the run proved nothing."""
        self._runs += 1
        try:
            return await self._host.play(job(candidate, "faulted", replace(self._options, policy=policy)))
        except InvalidRun:
            return None

    def _spent(self, share: float = 1.0) -> bool:
        """Whether so much of the time is over."""
        return time.monotonic() >= self._began + share * (self._until_s - self._began)
