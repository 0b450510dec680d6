"""What the commands share: their options, the user's defaults, progress, and how a run is ended."""

import asyncio
import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from harness.commands.aim import check_host, check_loop, check_started_by, named, resolve
from harness.errors import InvalidRun, UsageError
from harness.reports import json_file
from harness.runner import Options
from harness.scenario import SEED_MAX
from harness.targets.driven import POLICIES
from harness.targets.play import stage_named
from harness.targets.profile import check_defects

T = TypeVar("T")
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>s|m|h)?")
_UNIT_S = {"s": 1, "m": 60, "h": 3600}

WIDTH_IN_FILES = 180
"""How wide tables are where no terminal says it: in a CI log a line may be long, a name may not be cut."""


class Output(Console):
    """One of the standard streams. What cannot be written ends the run, but on standard error, where nobody hears it."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        width = None if stream is not None and stream.isatty() else WIDTH_IN_FILES
        super().__init__(stderr=stderr, highlight=False, emoji=False, soft_wrap=True, width=width)

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as a console does.

        Raises:
            InvalidRun: nothing more can be written: what the run has shown is lost.
        """
        try:
            super().print(*objects, **how)
        except OSError as error:
            if not self.stderr:
                raise InvalidRun(
                    f"standard output: {error.strerror}; the result was not shown, run it again"
                ) from error

    def on_broken_pipe(self) -> None:
        """Treat a pipe that nobody reads as any other place that cannot be written; the default is exit code 1."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


out = Output()
err = Output(stderr=True)


def output(text: str) -> Path:
    """A path that was given, which may not be empty: an empty one would be the current folder."""
    if not text:
        raise UsageError("a file or folder has an empty name; give its name, or leave the option out")
    return Path(text)


Target = Annotated[
    str | None,
    typer.Option(help="A profile (PACKAGE:FILE.toml, or a path), or MODULE:FACTORY of an app like it."),
]
Seed = Annotated[
    int, typer.Option(min=0, max=SEED_MAX, help="Seeds faults, workload and whatever else is drawn.")
]
ScenarioSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=SEED_MAX,
        show_default="the scenario's own, else 1",
        help="Seeds faults, workload, schedule and whatever else is drawn.",
    ),
]
Defect = Annotated[list[str] | None, typer.Option("--defect", help="Build the target with this mistake.")]
Stage = Annotated[
    str, typer.Option(help="simulated (virtual time, seeded schedule) or live (a process, TCP).")
]
Policy = Annotated[
    str,
    typer.Option(help="Who decides the schedules of simulated runs: fifo (the ordinary run), random or pct."),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", parser=output, metavar="FILE", help="Write the result as JSON.")
]
JunitFile = Annotated[
    Path | None, typer.Option("--junit", parser=output, metavar="FILE", help="Write the result as JUnit XML.")
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", parser=output, metavar="FILE", help="Write the result as one page.")
]
Histories = Annotated[
    Path | None,
    typer.Option("--history", parser=output, metavar="FOLDER", help="Keep what happened in this folder."),
]
Names = Annotated[list[str] | None, typer.Argument(help="Scenarios, folders or files; all by default.")]
AllowedHost = Annotated[
    str | None,
    typer.Option("--allow-host", metavar="HOST", help="Let a target that is a URL be on this other machine."),
]
Loop = Annotated[
    str | None,
    typer.Option(
        show_default="the server's choice", help="Serve a live app on this event loop: asyncio or uvloop."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but errors.")]


def options(
    *,
    stage: str,
    seed: int | None,
    defects: list[str] | None,
    target: str | None,
    histories: Path | None,
    policy: str = POLICIES[0],
    allowed_host: str | None = None,
    loop: str | None = None,
) -> Options:
    """The options of a run, each held to what there is.

    Raises:
        UsageError: a stage, a policy, a loop, a defect or a target that does not exist, or a seed out of range.
    """
    if policy not in POLICIES:
        raise UsageError(f"no policy is called {policy}; there are: {', '.join(POLICIES)}")
    if policy != POLICIES[0] and stage != "simulated":
        raise UsageError(f"--policy {policy} is for simulated runs: leave it out, or --stage {stage}")
    if seed is not None and not 0 <= seed <= SEED_MAX:
        raise UsageError(f"seed {seed}: must be at least 0 and at most {SEED_MAX}")
    stage_named(stage)
    profile = resolve(target)
    check_host(profile, allowed_host)
    check_started_by(profile, stage)
    if loop is not None:
        check_loop(profile, loop, stage)
    chosen = tuple(defects or ())
    check_defects(profile, chosen)
    return Options(
        profile=profile,
        stage=stage,
        seed=seed,
        policy=policy,
        defects=chosen,
        histories=histories,
        target=named(target),
        allowed_host=allowed_host or "",
        loop=loop or "",
    )


def seconds(text: str, option: str = "--for") -> float:
    """The seconds of `90s`, `5m`, `1h` or `90`.

    Raises:
        UsageError: it is none of these.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: a duration is a number with s, m or h, such as 90s")
    return float(match["number"]) * _UNIT_S[match["unit"] or "s"]


def check_places(
    json: Path | None,
    junit_xml: Path | None,
    histories: Path | None,
    html: Path | None = None,
    *,
    write_to: Path | None = None,
    read: Iterable[Path | str | None] = (),
) -> None:
    """Refuse, before anything is run, whatever could not be written afterwards, or would take the place of another.

    `read` is what the command is given to read: files, and names that are files where they end as those do.

    Raises:
        UsageError: a place cannot be written, is what is read, or is given twice.
    """
    outputs = {"--json": json, "--junit": junit_xml, "--html": html, "--output": write_to}
    with contextlib.suppress(UsageError):  # whoever reads the defaults says what is wrong with them
        read = [*read, named(None)]
    given = [one for one in read if one is not None]
    files = [Path(one) for one in given if isinstance(one, Path) or one.endswith((".py", ".toml"))]
    json_file.check_unread(outputs, [*files, Path("pyproject.toml")])
    json_file.check_distinct({**outputs, "--history": histories})
    json_file.check_place(json)
    json_file.check_place(junit_xml)
    json_file.check_place(html)
    json_file.check_folder(histories)


@contextlib.contextmanager
def progress(first: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Say on a terminal's standard error what is being done; nothing where there is no terminal."""
    if quiet or not err.is_terminal:
        yield lambda _: None
        return
    with err.status(first) as status:
        # What is done may carry the name of an adapter, and any text may be one.
        yield lambda text: status.update(escape(text))


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C, SIGTERM or SIGHUP cancels it, and everything that it started is ended before this exits.

    The parser would turn KeyboardInterrupt into a silent exit, so what is to be said is said here.
    """
    ended_by: list[signal.Signals] = []
    try:
        return asyncio.run(_terminable(work, ended_by))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise _interrupted(ended_by) from None


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """The same for sync work: the signals raise KeyboardInterrupt in the block, which has to end what it has started."""
    ended_by: list[signal.Signals] = []
    before: dict[signal.Signals, Any] = {}

    def end(number: int, _frame: FrameType | None) -> None:
        if not ended_by:  # a second one must not interrupt what the first one has made the block do
            ended_by.append(signal.Signals(number))
            raise KeyboardInterrupt

    try:
        for number in _ending():
            before[number] = signal.signal(number, end)
        yield
    except KeyboardInterrupt:
        raise _interrupted(ended_by) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(ended_by: list[signal.Signals]) -> typer.Exit:
    """Say that the run was interrupted; the exit that tells by which signal, Ctrl-C where it was none of these."""
    err.print("shakeout: interrupted; everything that was started has been ended")
    return typer.Exit(128 + (*ended_by, signal.SIGINT)[0])


def _ending() -> list[signal.Signals]:
    """The signals that end a run as Ctrl-C does. One that is ignored already, as SIGHUP under nohup, stays so."""
    return [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    ]


async def _terminable(work: Coroutine[Any, Any, T], ended_by: list[signal.Signals]) -> T:
    """Run `work` so that it can be cancelled as by Ctrl-C: who gives up, or closes the terminal, leaves nothing behind."""
    task = asyncio.ensure_future(work)

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        task.cancel()

    for number in _ending():
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    return await task
