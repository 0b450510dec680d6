"""What locust calls: its arguments, the start and the end of a run, and the exit code.

This file is a locust file. Under `shakeout load` it follows a plan (`--plan`) and leaves the judging to its parent;
alone, it prints the gates that it can witness and ends with their exit code. Importing it imports locust.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, Runner

from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.load import evidence, recorder
from harness.load.plan import Plan
from harness.load.report import LoadReport
from harness.load.users import ConversationUser, Run
from harness.targets import profile

__all__ = ["ConversationUser"]

STOP_S_MAX = 12.0
"""A user that is told to stop may still finish its turn: longer than `users.ANSWER_S_MAX`."""
TICK_S = 0.02
LATE_S = 0.1
"""A twentieth of the latency limit: what a late generator may add to a latency unnoticed."""


F = TypeVar("F", bound=Callable[..., None])


def _on(hook: Any) -> Callable[[F], F]:
    """Listen to a hook of locust's, whose own decorator has no types."""
    listen: Callable[[F], F] = hook.add_listener
    return listen


@_on(events.init_command_line_parser)
def add_arguments(parser: LocustArgumentParser) -> None:
    """The arguments of this file, each also a variable of the environment."""
    group = parser.add_argument_group("Shakeout gates")
    group.add_argument("--requests", type=int, env_var="SHAKEOUT_REQUESTS", help="stop after N turns")
    group.add_argument("--seed", type=int, default=0, env_var="SHAKEOUT_SEED", help="seeds what users say")
    group.add_argument(
        "--target-log", env_var="SHAKEOUT_LOG", help="the service's log, to judge log gates by"
    )
    group.add_argument(
        "--target-profile", default=profile.REFERENCE, env_var="SHAKEOUT_PROFILE", help="how to hold a turn"
    )
    group.add_argument("--plan", help="what `shakeout load` wrote; replaces the arguments above")


@_on(events.init)
def begin(environment: Environment, runner: Runner, **_: Any) -> None:
    """Make the plan, open the records, and attach both where the users find them."""
    options: Any = environment.parsed_options
    try:
        if not isinstance(runner, LocalRunner):
            raise UsageError("the gates judge one generator: leave out --master, --worker and --processes")
        options.log_bytes = Path(options.target_log).stat().st_size if options.target_log else 0
        plan = Plan.read(Path(options.plan)) if options.plan else _own_plan(options)
    except (ShakeoutError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(UsageError.exit_code) from error
    stream = plan.records.open("wb")
    # locust has patched threading and time: these threads are greenlets, and none runs beside another.
    quitter = threading.Thread(target=runner.quit, name="shakeout-quit", daemon=True)
    run = Run(plan, recorder.RecordWriter(stream), finished=quitter.start)
    options.shakeout_run = run
    environment.stop_timeout = max(environment.stop_timeout, STOP_S_MAX)
    parent = os.getppid() if options.plan else None
    threading.Thread(target=_tick, args=(run, parent), name="shakeout-ticker", daemon=True).start()


@_on(events.quitting)
def end(environment: Environment, **_: Any) -> None:
    """Let the last turns finish, close the records, judge them where no parent does, and set the exit code."""
    options: Any = environment.parsed_options
    run: Run = options.shakeout_run
    assert environment.runner is not None
    environment.runner.stop()
    run.recorder.close(run.health)
    if options.plan:
        environment.process_exit_code = 0
        return
    report = _own_report(options, run.plan)
    run.plan.records.unlink()
    _show(report)
    environment.process_exit_code = report.verdict.exit_code


def _own_plan(options: Any) -> Plan:
    """The plan of a run without a parent.

    Raises:
        UsageError: a number is out of range, or the profile cannot be read.
    """
    if options.requests is not None and options.requests < 1:
        raise UsageError(f"--requests {options.requests}: must be at least 1")
    turn = profile.load(options.target_profile).turn
    with tempfile.NamedTemporaryFile(prefix="shakeout-load-", suffix=".jsonl", delete=False) as file:
        records = Path(file.name)
    return Plan(turn=turn, seed=options.seed, requests=options.requests, records=records)


def _own_report(options: Any, plan: Plan) -> LoadReport:
    """Judge by the own records, and by the log where one was named."""
    log = None
    if options.target_log:
        log = evidence.log_records({"app": Path(options.target_log)}, skipped_bytes=options.log_bytes)
    amount = f"--requests {plan.requests}" if plan.requests else f"-t {options.run_time or '...'}"
    return evidence.report(
        recorder.read(plan.records),
        log,
        contract=profile.load(options.target_profile).contract,
        seed=plan.seed,
        users=options.num_users or 1,
        replay=f"locust -f locustfile.py --headless -u {options.num_users or 1} {amount} --seed {plan.seed}",
    )


def _show(report: LoadReport) -> None:
    """The gates on standard output, and what was not witnessed."""
    lines = [f"{verdict:<10}{name}: {message}" for name, verdict, *_, message in report.rows()]
    lines += [f"not judged {name}: give the service's log with --target-log" for name in report.unwitnessed]
    lines += [f"invalid   {reason}" for reason in report.reasons]
    more = f", {report.missing:,} more requests are missing" if report.missing else ""
    deaf = len(report.unwitnessed)
    seen = f", by what the wire shows; {deaf} gates were not witnessed" if deaf else ""
    lines.append(f"{report.verdict}{seen}: {report.requests:,} requests, {report.users} closed users{more}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _tick(run: Run, parent: int | None) -> None:
    """Count how often the generator's loop is late, and put the records on disk once a second; end with the parent."""
    flushed = time.monotonic()
    while parent is None or parent == os.getppid():
        due = time.monotonic() + TICK_S
        time.sleep(TICK_S)  # gevent's: how late it returns is what is measured
        now = time.monotonic()
        run.health.ticks += 1
        run.health.late += now - due > LATE_S
        if now - flushed > 1:
            run.recorder.flush()
            flushed = now
    # A parent that was killed cannot end its generator, and nobody is left to read the records.
    os._exit(InvalidRun.exit_code)
