"""A load under `locust -f locustfile.py` alone: no parent, so the plan is made and the frames are judged in locust's own process."""

import atexit
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import InvalidRun, UsageError
from harness.gates.criteria import by_log, success_criteria, watched_texts
from harness.gates.verdicts import Watch
from harness.load.journey import canary
from harness.load.limits import limits
from harness.load.mistakes import mistakes
from harness.load.options import REQUESTS, closed
from harness.load.plan import Plan
from harness.load.report import LoadReport
from harness.load.service_log import ServiceLog
from harness.load.validity import Expected, doubts
from harness.load.watching import Frames, seen
from harness.targets.profile import load

SEED = 0


def add_arguments(group: Any) -> None:
    """What a run alone is told; locust's own options say how many users, for how long, and where the service is."""
    group.add_argument("--requests", type=int, default=None, help=f"turns in all; {REQUESTS} without -t")
    group.add_argument("--target-profile", default="", help="the profile of the service")
    group.add_argument(
        "--target-log", default="", env_var="SHAKEOUT_LOG", help="the service's log, on this host"
    )
    group.add_argument(
        "--without-log", action="store_true", help="leave out what only the log can testify to"
    )


class Alone:
    """One run without a parent: `plan` is what its generators are told; its users wait for their answers.

    Raises:
        UsageError: there is no such profile or log, or a number is out of range.
    """

    def __init__(self, options: Any) -> None:
        self._profile = load(options.target_profile) if options.target_profile else load()
        self._users = options.num_users or 1
        self._criteria = success_criteria(self._profile.contract, canary=canary(SEED))
        if options.requests is not None and options.requests < 1:
            raise UsageError(f"--requests {options.requests}: must be at least 1")
        workers = options.expect_workers if options.master else 1
        if self._users < workers:
            raise UsageError(f"-u {self._users}: each of {workers} generators needs one user at least")
        _check_log(options.target_log, without=options.without_log)
        self.plan = Plan(
            turn=self._profile.turn,
            seed=SEED,
            directory=tempfile.mkdtemp(prefix="shakeout-load-"),
            workers=workers,
            requests=options.requests if options.run_time or options.requests else REQUESTS,
            for_s=float(options.run_time) if options.run_time else None,
            compared=bool(options.target_log),
            run=secrets.token_hex(3),
            **limits(self._criteria),
        )
        self._is_judged = False
        atexit.register(self._end)
        # Locust would end its users and their reports at once; by the plan they finish their turns first.
        options.run_time = None
        self._log = None
        if options.target_log:
            self._log = ServiceLog(
                {"app": Path(options.target_log)},
                self._profile.contract,
                prefix=self.plan.prefix,
                texts=watched_texts(self._criteria),
                skipped=True,
            )

    def _end(self) -> None:
        """Leave nothing; a run that locust has ended before it was judged, as for want of workers, has shown nothing."""
        shutil.rmtree(self.plan.directory, ignore_errors=True)
        if not self._is_judged:
            sys.stderr.write("shakeout: locust has ended before anything was judged\n")
            sys.stderr.flush()
            os._exit(InvalidRun.exit_code)

    def judge(self) -> int:
        """Say what the run has shown, on standard error; the exit code that it ends with."""
        self._is_judged = True
        try:
            report = self._report()
        except InvalidRun as error:
            sys.stderr.write(f"shakeout: {error}\n")
            return error.exit_code
        sys.stderr.write("\n".join(_lines(report)) + "\n")
        return report.verdict.exit_code

    def _report(self) -> LoadReport:
        """What can be said of the frames, and of the log that grew meanwhile."""
        judged = [one for one in self._criteria if self._log is not None or not by_log(one)]
        frames = Frames(plan=self.plan, log=self._log)
        frames.end()
        promised = self._profile.contract.completion_event
        return LoadReport(
            seed=self.plan.seed,
            model=closed(self._users),
            gates=Watch(criteria=judged, watched=False).look(seen(frames.run, promised=promised)),
            replay="",
            run=frames.run,
            reasons=(
                *mistakes(frames.run, self._profile, judged),
                *doubts(frames.run, Expected(workers=self.plan.workers)),
            ),
            unwitnessed=tuple(str(one) for one in self._criteria if one not in judged),
        )


def _check_log(place: str, *, without: bool) -> None:
    """Refuse to begin where nobody has said where half of the evidence is, or that it is to be left out.

    Raises:
        UsageError: it is neither, both, or not there.
    """
    if place and without:
        raise UsageError(f"--target-log {place} and --without-log: give one of the two")
    if place and not Path(place).is_file():
        raise UsageError(f"{place}: no such log; name the service's, or give --without-log")
    if not place and not without:
        raise UsageError(
            "the service's log is half of the evidence: give --target-log FILE, or --without-log to leave it out"
        )


def _lines(report: LoadReport) -> Iterator[str]:
    """The gates, then what the run says as a whole."""
    for name, verdict, observed, bound, limit, message in report.rows():
        yield f"{verdict:<9} {name}: {observed} (bound {bound}, limit {limit}); {message}"
    yield from (f"not judged {name}: --without-log" for name in report.unwitnessed)
    yield from (f"invalid: {reason}" for reason in report.reasons)
    missing = f", {report.missing:,} more requests are missing" if report.missing else ""
    yield f"{report.verdict}: {report.requests:,} requests, {report.model}{missing}"
