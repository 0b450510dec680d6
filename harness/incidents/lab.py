"""Trying suspects: each is played, and where the service fails, its run is a candidate beside that of its twin."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.errors import InvalidRun, UsageError
from harness.history import History, LogRecord
from harness.incidents.budget import broken_off
from harness.incidents.candidates import Suspect
from harness.incidents.distance import Candidate
from harness.incidents.run_log import run_log
from harness.incidents.signature import Read, Signature, signature_of
from harness.runner import Arm, Options, opened, played
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.play import Play
from harness.verdict import Violation

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a suspect whose run failed: for which invariants, and what it logged beside its twin."""

    suspect: Suspect
    violations: tuple[Violation, ...]
    candidate: Candidate

    @property
    def violation(self) -> Violation:
        """What tells most: the first that it is known for, else the first."""
        known = (one for one in self.violations if one.invariant in self.suspect.reasons)
        return next(known, self.violations[0])


class Lab:
    """Plays suspects against one target in one stage, a few at a time, until its time is over.

    `refused` counts what proved nothing, by what was said of it; `count` is how many suspects were played to
    their end. A suspect that is still being played at `ends_s` is broken off.
    """

    def __init__(
        self,
        options: Options,
        plays: Sequence[Play],
        *,
        until_s: float,
        ends_s: float | None = None,
        say: Callable[[str], None],
        read: Read = signature_of,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.count = 0
        self._options = options
        self._plays = plays
        self._until_s = until_s
        self._ends_s = ends_s
        self._say = say
        self._read = read
        self._twins: dict[str, Signature | None] = {}
        self._twinned: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def of(
        cls,
        options: Options,
        *,
        jobs: int,
        until_s: float,
        ends_s: float | None = None,
        say: Callable[[str], None],
        read: Read = signature_of,
    ) -> AsyncIterator["Lab"]:
        """A lab with so many places to play in; they are gone when the block ends.

        Nothing is begun after `until_s` monotonic seconds, and no suspect is played for longer than until `ends_s`.
        `read` makes a signature of what a run logged, as one was made of the incident.
        """
        async with AsyncExitStack() as stack:
            plays = [await stack.enter_async_context(opened(options)) for _ in range(jobs)]
            yield cls(options, plays, until_s=until_s, ends_s=ends_s, say=say, read=read)

    @property
    def stage(self) -> str:
        """The stage that it plays in."""
        return self._options.stage

    @property
    def spent(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._until_s

    async def clean(self, scenarios: Sequence[Scenario]) -> list[Arm | None]:
        """Play scenarios without a fault on the service as it is; None for one that proves nothing.

        One is played however little time there is; no more are begun when it is over.

        Raises:
            UsageError: the target does not start, or the stage cannot carry it.
        """
        is_begun = False

        async def one(play: Play, scenario: Scenario) -> Arm | None:
            nonlocal is_begun
            is_begun = True
            return await self._arm(play, scenario, ())

        self._say("the service without a fault")
        return await spread(self._plays, scenarios, one, over=lambda: self.spent and is_begun)

    async def tried(
        self, suspects: Sequence[Suspect], found: Callable[[Tried], None], *, enough: Callable[[int], bool]
    ) -> None:
        """Play suspects in their order; `found` is told of each that fails.

        No more are begun when the time is over, or once `enough` says so of how many were begun. Those that are
        broken off at the end say nothing.
        """
        begun = 0

        async def one(play: Play, suspect: Suspect) -> None:
            nonlocal begun
            begun += 1
            try:
                tried = await self._tried(play, suspect)
            except UsageError as error:  # the target was met, so it is this one that cannot be played
                self.refused[str(error)] += 1
                tried = None
            self.count += 1
            if tried is not None:
                found(tried)

        def say(number: int, suspect: Suspect) -> None:
            self._say(f"{number} of {len(suspects)}: {suspect.label}")

        async with broken_off(self._ends_s):
            await spread(self._plays, suspects, one, say=say, over=lambda: self.spent or enough(begun))

    async def again(self, suspect: Suspect) -> Tried | None:
        """Play one suspect beside its own twin, whatever was played before; None where the service does not fail."""
        self._twins.clear()
        return await self._tried(self._plays[0], suspect)

    def told(self, suspect: Suspect, arm: Arm, control: Signature) -> Tried:
        """What came of a suspect that was played."""
        candidate = Candidate(run=self.signature(arm.history), control=control)
        return Tried(suspect=suspect, violations=arm.judgement.violations, candidate=candidate)

    def signature(self, history: History) -> Signature:
        """What a run logged."""
        return self.said(run_log(history))

    def said(self, records: Iterable[LogRecord]) -> Signature:
        """What some lines say."""
        return self._read(records, self._options.profile.contract)

    async def _tried(self, play: Play, suspect: Suspect) -> Tried | None:
        """Play a suspect, and where the service fails, its twin."""
        arm = await self._arm(play, suspect.scenario, suspect.defects)
        if arm is None or not arm.judgement.violations:
            return None
        async with self._twinned[suspect.twin_name]:
            if suspect.twin_name not in self._twins:
                twin = await self._arm(play, suspect.twin, ())
                self._twins[suspect.twin_name] = None if twin is None else self.signature(twin.history)
            control = self._twins[suspect.twin_name]
        if control is None:
            return None
        return self.told(suspect, arm, control)

    async def _arm(self, play: Play, scenario: Scenario, defects: tuple[str, ...]) -> Arm | None:
        """Play one scenario; None where that proves nothing."""
        seed = self._options.seed if scenario.seed is None else scenario.seed
        options = replace(self._options, defects=defects, seed=seed)
        try:
            arm = await played(play, scenario, options, arm="faulted")
        except InvalidRun as error:
            self.refused[str(error)] += 1
            return None
        if arm.judgement.untrusted:
            self.refused[arm.judgement.untrusted[0]] += 1
            return None
        return arm
