"""What locust calls in each of its processes: the master merges, the generators send. Importing it imports locust.

This file is a locust file. `shakeout load` starts a master and its workers on it with a plan, and reads the master's
frames. Without a plan it is run alone, and judges itself.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.load import alone
from harness.load.alone import Alone
from harness.load.generator import PARENT
from harness.load.merger import Merger
from harness.load.plan import REPORT_S, Plan
from harness.load.users import ANSWER_S_MAX, PART, ArrivalUser, ConversationUser, Generator
from harness.load.validity import SILENT_FRAMES_MAX

STOP = "shakeout_stop"
"""The message that ends a run before its time."""

BEGUN = "shakeout_begun"
"""The message with which a generator begins."""

LOOK_S = 0.2
OVER_S_MAX = ANSWER_S_MAX + SILENT_FRAMES_MAX
"""So long after the last request was due all generators have come to their end, or never will."""

F = TypeVar("F", bound=Callable[..., None])


def _on(hook: Any) -> Callable[[F], F]:
    """Listen to a hook of locust's, whose own decorator has no types."""
    listen: Callable[[F], F] = hook.add_listener
    return listen


@_on(events.init_command_line_parser)
def add_arguments(parser: LocustArgumentParser) -> None:
    """The arguments of this file; locust's master hands them on to its workers."""
    group = parser.add_argument_group("Shakeout")
    group.add_argument("--plan", default="", help="the file that `shakeout load` wrote")
    group.add_argument("--plan-text", default="", help="what is in it; the master reads it for its workers")
    alone.add_arguments(group)


@_on(events.init)
def begin(environment: Environment, runner: Runner, **_: Any) -> None:
    """Prepare the process for its part; with a plan that cannot be read it ends at once."""
    options: Any = environment.parsed_options
    environment.stop_timeout = max(environment.stop_timeout, ANSWER_S_MAX + 2)
    if PARENT in os.environ:
        threading.Thread(target=_outlive_nobody, args=(int(os.environ[PARENT]),), daemon=True).start()
    if isinstance(runner, WorkerRunner):
        runner.register_message(STOP, _stopped)
        return
    try:
        lonely = None if options.plan else Alone(options)
        plan = lonely.plan if lonely is not None else Plan.of(Path(options.plan).read_text())
        options.plan_text = plan.text()
        stream = plan.frames.open("wb")
    except (ShakeoutError, OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"{error if isinstance(error, ShakeoutError) else f'{options.plan}: {error}'}\n")
        raise SystemExit(UsageError.exit_code) from error
    merger = Merger(plan, stream)
    runner.register_message(PART, lambda msg, **_: merger.take(msg.data["json"]))
    environment.user_classes = [ArrivalUser if plan.phases else ConversationUser]
    if not isinstance(runner, MasterRunner):
        runner.register_message(STOP, _stopped)
    _expect(runner, plan, merger)
    if lonely is not None:
        _on(events.quitting)(partial(_judge, lonely, merger))


def _expect(runner: Runner, plan: Plan, merger: Merger) -> None:
    """Say how many generators have come, and begin when the last of them does."""
    came = set[str]()
    # locust has patched threading and time: these threads are greenlets, and none runs beside another.
    watch = threading.Thread(target=_watch, args=(runner, plan, merger), daemon=True)

    def connected(client_id: str, **_: Any) -> None:
        came.add(client_id)
        plan.came.write_text(str(len(came)))
        if len(came) > plan.workers:
            threading.Timer(LOOK_S, runner.quit).start()  # it tells all of them; the parent says why

    def begun(msg: Any, **_: Any) -> None:
        if merger.begin(msg.data["worker"], now_s := time.monotonic()) and not plan.began.exists():
            plan.began.write_text(str(now_s))
            watch.start()

    _on(events.worker_connect)(connected)
    runner.register_message(BEGUN, begun)


@_on(events.test_start)
def start(environment: Environment, **_: Any) -> None:
    """Let this process send, unless it is the master."""
    runner = environment.runner
    assert runner is not None
    if isinstance(runner, MasterRunner):
        return
    options: Any = environment.parsed_options
    plan = Plan.of(options.plan_text)
    generator = Generator(plan, runner, runner.worker_index if isinstance(runner, WorkerRunner) else 0)
    for kind in (ArrivalUser, ConversationUser):
        kind.generator = generator
    runner.send_message(BEGUN, {"worker": generator.worker})
    for work in (_report, _tick):
        threading.Thread(target=work, args=(generator,), name=f"shakeout{work.__name__}", daemon=True).start()


def _report(generator: Generator) -> None:
    """Report once a second, and once more when all users have come to their end."""
    while not generator.over:
        time.sleep(REPORT_S)  # gevent's
        generator.report()
    generator.report(ended=True)


def _tick(generator: Generator) -> None:
    """Look at the clock until all users have come to their end."""
    while not generator.over:
        generator.tick()


def _outlive_nobody(parent: int) -> None:
    """End the process where its parent has gone: one that was killed cannot end its own, and nobody reads what they say."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(InvalidRun.exit_code)


def _watch(runner: Runner, plan: Plan, merger: Merger) -> None:
    """Write frames until every generator has ended; where there is no room for them, that is the master's last word."""
    try:
        _write(runner, plan, merger)
    except OSError as error:
        # Locust ends with a table of its own; the parent tells the last line.
        atexit.register(sys.stderr.write, f"{error.filename or plan.frames}: {error.strerror or error}\n")
        runner.environment.process_exit_code = InvalidRun.exit_code
    runner.quit()


def _write(runner: Runner, plan: Plan, merger: Merger) -> None:
    """Write a frame a second until every generator has ended; end them where they are told to."""
    began_s, next_s, now_s, told = time.monotonic(), REPORT_S, 0.0, False
    while not merger.ended and not merger.stuck and now_s < plan.lasts_s + OVER_S_MAX:
        time.sleep(LOOK_S)
        if not told and plan.stop.exists():
            told = True
            merger.stop(time.monotonic() - began_s)
            runner.send_message(STOP, {})
        if (now_s := time.monotonic() - began_s) >= next_s:
            merger.frame(now_s)
            next_s = now_s + REPORT_S
    merger.frame(time.monotonic() - began_s)


def _stopped(**_: Any) -> None:
    """Begin no more requests."""
    ArrivalUser.generator.stopped = True


def _judge(lonely: Alone, merger: Merger, environment: Environment, **_: Any) -> None:
    """Without a parent, say here what the run has shown; the exit code is that."""
    merger.close()
    environment.process_exit_code = lonely.judge()


@_on(events.test_stop)
def stop(environment: Environment, **_: Any) -> None:
    """End the reports of a generator whose users locust has ended: it was not heard of for too long."""
    if not isinstance(environment.runner, MasterRunner) and hasattr(ArrivalUser, "generator"):
        ArrivalUser.generator.over = True


@_on(events.quitting)
def end(environment: Environment, **_: Any) -> None:
    """Say nothing about errors of the service: the frames do."""
    if environment.process_exit_code is None:
        environment.process_exit_code = 0
