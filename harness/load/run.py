"""A load run: start the target and its generators, read what they count beside the target's log, and judge."""

import asyncio
import contextlib
import errno
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.gates.criteria import by_log, split, success_criteria, watched_texts
from harness.gates.criterion import Criterion, Figure
from harness.gates.verdicts import Seen
from harness.load.counted import count_differs, counted_now
from harness.load.faults import Phased, check_faults
from harness.load.generator import check_place, generators
from harness.load.journey import canary
from harness.load.kept import Kept
from harness.load.limits import limits
from harness.load.mistakes import mistakes, unwritten
from harness.load.options import LoadOptions
from harness.load.plan import Plan
from harness.load.report import LoadReport
from harness.load.service_log import ServiceLog
from harness.load.target import LoadTarget, Starter, process_target
from harness.load.validity import Expected, doubts
from harness.load.watching import Frames, Watching

EVERYWHERE = "0.0.0.0"  # noqa: S104  # nobody binds to it here: it is compared with
"""Who listens there does so under every name of the machine: others need one of them."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

INTERRUPTED = "the run was interrupted"
UNSIGNED = (
    "the target does not sign its answers: whether it was the same one that answered to the end was not seen"
)

RENEWED = "a fault ended the target and another process came: its own count of turns was not held to the generators'"


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
        with contextlib.ExitStack() as stack:
            directory = _folder(stack)
            check_place(options.bind)
            one: _Run | None = None
            try:
                with _room():
                    async with self.start(options, directory) as target:
                        one = _Run.of(options, target, directory, self)
                        stack.callback(one.frames.close)
                        one.frames.keep = stack.enter_context(Kept.opened(self.keep, target.logs))
                        await one.drive()
                self.say("judging")
                one.frames.end()
                report = one.kept()
                await asyncio.sleep(0)  # who interrupts it meanwhile is heard here
            except asyncio.CancelledError:
                if one is not None:
                    one.reasons.append(INTERRUPTED)
                    self.partial(one.kept())
                raise
            return report


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
    def of(cls, options: LoadOptions, target: LoadTarget, directory: Path, how: Load) -> "_Run":
        """What has to be there before anything is sent."""
        contract, scenario = options.profile.contract, options.scenario
        criteria, unwitnessed = _criteria(options, target)
        if scenario is not None:
            check_faults(scenario.faults, options.planned, options.profile)
        plan = _plan(options, target, directory, criteria)
        log = None
        if plan.compared:
            texts = watched_texts(criteria)
            log = ServiceLog(target.logs, contract, prefix=plan.prefix, texts=texts, skipped=target.grown)
        watching = Watching(
            criteria=criteria,
            until_decided=options.until_decided,
            for_s_max=options.max_s,
            alive=target.alive,
            swapped=target.swapped or (lambda: ""),
            promised=contract.completion_event,
            before=how.before,
            hint=hint(options.bind),
            say=how.say,
        )
        return cls(
            options=options,
            target=target,
            plan=plan,
            frames=Frames(plan=plan, each=watching.each, log=log),
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

    def kept(self) -> LoadReport:
        """What can be said by now, kept with the logs beside the frames; where there was no room, that is said, too."""
        report, keep = self.report(), self.frames.keep
        if keep is None:
            return report
        keep.logs()
        keep.told(report.model, report.reasons)
        return replace(report, reasons=(*report.reasons, keep.lost)) if keep.lost else report

    def report(self) -> LoadReport:
        """What can be said by now."""
        options, run = self.options, self.frames.run
        fired = self.target.fired()
        faults = options.scenario.faults if options.scenario is not None else ()
        limits_s = (one.limit for one in self.watching.criteria if one.figure is Figure.SECONDS)
        expected = Expected(workers=options.workers, limit_s=min(limits_s, default=None))
        is_known = self.target.nonce is not None or self.target.swapped is not None
        notes = () if is_known else (UNSIGNED,)
        if self.target.renewed():
            notes = (*notes, RENEWED)
        silent = [f"{fault.name} never fired" for fault in faults if not fired.get(fault.name)]
        ended = INTERRUPTED not in self.reasons
        wrong = self._wrong() if ended and not faults and not options.defects else ()
        reasons = (*self.reasons, *wrong, *silent, *doubts(run, expected, ended=ended))
        return LoadReport(
            seed=options.seed,
            model=options.model,
            gates=self.watching.look(run, ended=True),
            replay=options.replay,
            run=run,
            reasons=tuple(dict.fromkeys(reasons)),
            unwitnessed=self.unwitnessed,
            notes=notes,
            fired=fired,
        )

    def _wrong(self) -> Iterator[str]:
        """What the run shows to be wrong with the profile."""
        profile, run, criteria = self.options.profile, self.frames.run, self.watching.criteria
        yield from mistakes(run, profile, criteria)
        path = self.target.logs.get("app")
        yield from unwritten(run, profile, criteria, is_there=path is None or path.exists())


def _folder(stack: contextlib.ExitStack) -> Path:
    """A folder for what the processes of a run tell each other, gone with the stack.

    Raises:
        UsageError: there is no place for one.
    """
    try:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shakeout-load-")))
    except OSError as error:
        raise UsageError(f"no folder for a run: {error.strerror}; name one with TMPDIR") from error


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """Tell a full disk for what it is.

    Raises:
        InvalidRun: it was full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = error.filename or tempfile.gettempdir()
        raise InvalidRun(
            f"{place}: {error.strerror}; make room, or name another place with TMPDIR"
        ) from error


def _criteria(options: LoadOptions, target: LoadTarget) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """The gates that can be judged, and the names of those whose witness was waived.

    Raises:
        UsageError: a gate has no witness, and the user has not said that it is to be left out.
    """
    criteria = options.gates or success_criteria(options.profile.contract, canary=canary(options.seed))
    asked, waived = split(criteria, without_log=options.without_log)
    of_log = [one for one in asked if by_log(one)]
    if of_log and not target.logs:
        raise UsageError(
            f"{of_log[0]}: {options.profile.name} has no log: name it with log = in its profile, or leave all gates "
            "on the log out with --without-log"
        )
    return asked, tuple(map(str, waived))


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
        compared=bool(target.logs) and not options.without_log,
        streams=options.streams,
        run=secrets.token_hex(3),
        **limits(criteria),
    )


def hint(bind: str) -> str:
    """How a generator is started that is waited for; empty where they are started here."""
    if not bind:
        return ""
    host, _, port = bind.rpartition(":")
    host = socket.gethostname() if host == EVERYWHERE else host
    return f"; start each with locust -f locustfile.py --worker --master-host {host} --master-port {port}"


async def _ended(arming: "asyncio.Future[None]") -> list[str]:
    """End the arming of faults, all of them mended; what went wrong in it speaks against the run."""
    arming.cancel()
    try:
        await arming
    except asyncio.CancelledError:
        return []
    except ShakeoutError as error:
        return [str(error)]
    return []
