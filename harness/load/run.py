"""A load run: start the target and its generators, read what they count beside the target's log, and judge."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import InvalidRun, UsageError
from harness.gates.criteria import by_log, success_criteria, watched_texts
from harness.gates.criterion import Criterion
from harness.gates.verdicts import Seen
from harness.load.counted import count_differs, counted_now
from harness.load.faults import Phased, check_faults
from harness.load.generator import generators
from harness.load.journey import canary
from harness.load.kept import Kept
from harness.load.limits import limits
from harness.load.options import LoadOptions
from harness.load.plan import Plan
from harness.load.report import LoadReport
from harness.load.service_log import ServiceLog
from harness.load.target import LoadTarget, Starter, process_target
from harness.load.validity import Expected, doubts
from harness.load.watching import Frames, Watching

UNSIGNED = (
    "the target does not sign its answers: whether it was the same one that answered to the end was not seen"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a run is made beside its options: who starts the target, where evidence is kept, and who is told.

    `say` is told the progress, `partial` the report so far where the run is cancelled. `before` is what a baseline has seen.
    """

    start: Starter = process_target
    keep: Path | None = None
    say: Callable[[str], None] = lambda _: None
    partial: Callable[[LoadReport], None] = lambda _: None
    before: Seen | None = None

    async def run(self, options: LoadOptions) -> LoadReport:
        """Put the target under load and judge it; everything that was started is gone when this returns or raises.

        Raises:
            UsageError: the target does not start, or a fault or a gate is not for it: nothing was run.
            InvalidRun: what was to be kept cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="shakeout-load-") as place, Kept.opened(self.keep) as kept:
            directory = Path(place)
            async with self.start(options, directory) as target:
                one = _Run.of(options, target, directory, self, kept)
                try:
                    await one.drive()
                except asyncio.CancelledError:
                    one.reasons.append("the run was interrupted")
                    self.partial(one.report())
                    raise
            self.say("judging")
            one.frames.end()
            if kept is not None:
                kept.logs(target.logs)
            return one.report()


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run against a target that has been started."""

    options: LoadOptions
    target: LoadTarget
    plan: Plan
    frames: Frames
    watching: Watching
    unwitnessed: tuple[str, ...]
    reasons: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, options: LoadOptions, target: LoadTarget, directory: Path, how: Load, kept: Kept | None
    ) -> "_Run":
        """What has to be there before anything is sent."""
        contract, scenario = options.profile.contract, options.scenario
        criteria, unwitnessed = _criteria(options, target)
        if scenario is not None:
            check_faults(scenario.faults, options.planned, options.profile)
        plan = _plan(options, target, directory, criteria)
        log = None
        if target.logs:
            texts = watched_texts(criteria)
            log = ServiceLog(target.logs, contract, prefix=plan.prefix, texts=texts, skipped=target.grown)
        watching = Watching(
            criteria=criteria,
            until_decided=options.until_decided,
            for_s_max=options.max_s,
            alive=target.alive,
            promised=contract.completion_event,
            before=how.before,
            say=how.say,
        )
        return cls(
            options=options,
            target=target,
            plan=plan,
            frames=Frames(plan=plan, each=watching.each, log=log, keep=kept),
            watching=watching,
            unwitnessed=unwitnessed,
        )

    async def drive(self) -> None:
        """Send, and watch until nothing more can come of it."""
        options, target = self.options, self.target
        contract, users = options.profile.contract, options.users or options.workers
        before = await counted_now(contract, target)
        async with generators(self.plan, users=users, base_url=target.base_url, bind=options.bind) as locusts:
            arming = asyncio.ensure_future(self._arm())
            try:
                self.reasons += await self.watching.follow(self.plan, self.frames, locusts)
            finally:
                self.reasons += await _ended(arming)
        self.reasons += await count_differs(contract, target, self.frames.run, before)

    async def _arm(self) -> None:
        """Break and mend what the scenario says, in its phases."""
        if self.options.scenario is not None:
            assert self.target.rig is not None, "a target that was started has its seams"
            await Phased(self.options.scenario.faults, self.target.rig, self.plan).arm()

    def report(self) -> LoadReport:
        """What can be said by now."""
        options, run = self.options, self.frames.run
        fired = self.target.fired()
        faults = options.scenario.faults if options.scenario is not None else ()
        expected = Expected(
            workers=options.workers, limit_s=min(self.plan.limits_us, default=0) / 1e6 or None
        )
        silent = [f"{fault.name} never fired" for fault in faults if not fired.get(fault.name)]
        reasons = (*self.reasons, *silent, *doubts(run, expected))
        return LoadReport(
            seed=options.seed,
            model=_model(options),
            gates=self.watching.look(run, ended=True),
            replay=options.replay,
            run=run,
            reasons=tuple(dict.fromkeys(reasons)),
            unwitnessed=self.unwitnessed,
            notes=() if self.target.nonce is not None else (UNSIGNED,),
            fired=fired,
        )


def _criteria(options: LoadOptions, target: LoadTarget) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """The gates that can be judged, and the names of those whose witness is missing.

    Raises:
        UsageError: the user's own gate has no witness, or is about a phase that there is not.
    """
    criteria = options.gates or success_criteria(options.profile.contract, canary=canary(options.seed))
    names = {phase.name for phase in options.planned}
    for one in options.gates:
        if one.scope.phase and one.scope.phase not in names:
            raise UsageError(
                f"{one}: there is no phase {one.scope.phase}; there are: {', '.join(sorted(names))}"
            )
    lacking = [one for one in criteria if by_log(one) and not target.logs]
    if lacking and options.gates:
        raise UsageError(
            f"{lacking[0]}: {options.profile.name} has no log: name it with log = in its profile"
        )
    return tuple(one for one in criteria if one not in lacking), tuple(map(str, lacking))


def _plan(options: LoadOptions, target: LoadTarget, directory: Path, criteria: Sequence[Criterion]) -> Plan:
    """What the generators are told."""
    return Plan(
        turn=options.profile.turn,
        seed=options.seed,
        directory=str(directory),
        workers=options.workers,
        phases=() if options.users is not None else options.planned,
        arrivals=options.arrivals,
        requests=options.requests_planned,
        for_s=options.time_planned_s,
        nonce=target.nonce,
        compared=bool(target.logs),
        streams=options.streams,
        **limits(criteria),
    )


def _model(options: LoadOptions) -> str:
    """How requests were made, in words."""
    if options.users is not None:
        return f"{options.users} closed users"
    if options.phases:
        return f"{options.arrivals} arrivals, {', '.join(map(str, options.phases))}"
    return f"{options.arrivals} arrivals at {options.rate:g}/s"


async def _ended(arming: "asyncio.Future[None]") -> list[str]:
    """End the arming of faults, all of them mended; what went wrong in it speaks against the run."""
    arming.cancel()
    try:
        await arming
    except asyncio.CancelledError:
        return []
    except InvalidRun as error:
        return [str(error)]
    return []
