"""What the commands share: their options, the user's defaults, progress, and how a run is ended."""

import asyncio
import contextlib
import signal
import sys
import tomllib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar

import typer
from rich.console import Console

from harness.errors import UsageError
from harness.runner import Options
from harness.targets import profile as profiles
from harness.targets.play import stage_named
from harness.targets.profile import Profile, check_defects

T = TypeVar("T")

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
WIDTH_IN_FILES = 180
"""How wide tables are where no terminal says it: in a CI log a line may be long, a name may not be cut."""


def _console(stream: TextIO) -> Console:
    """A console for one of the standard streams."""
    width = None if stream.isatty() else WIDTH_IN_FILES
    return Console(stderr=stream is sys.stderr, highlight=False, soft_wrap=True, width=width)


out = _console(sys.stdout)
err = _console(sys.stderr)

Target = Annotated[
    str | None,
    typer.Option(help="A profile (PACKAGE:FILE.toml, or a path), or MODULE:FACTORY of an app like it."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seeds faults, workload and whatever else is drawn.")]
Defect = Annotated[list[str] | None, typer.Option("--defect", help="Build the target with this mistake.")]
Stage = Annotated[str, typer.Option(help="in_process (no socket) or live (a real process, real TCP).")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the result as JSON.")]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="Write the result as JUnit XML.")]
Histories = Annotated[Path | None, typer.Option("--history", help="Keep every history in this folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but errors.")]


def options(
    *, stage: str, seed: int, defects: list[str] | None, target: str | None, histories: Path | None
) -> Options:
    """The options of a run, each held to what there is.

    Raises:
        UsageError: a stage, a defect or a target that does not exist.
    """
    stage_named(stage)
    profile = resolve(target)
    chosen = tuple(defects or ())
    check_defects(profile, chosen)
    return Options(
        profile=profile, stage=stage, seed=seed, defects=chosen, histories=histories, target=target or ""
    )


def resolve(target: str | None) -> Profile:
    """The profile of the target that is asked for, else of `[tool.shakeout]`, else of the reference app.

    Raises:
        UsageError: it is no profile and no import string, or cannot be read.
    """
    where = target or _configured() or profiles.REFERENCE
    if "://" in where:
        raise UsageError(
            f"{where}: the harness drives what it has started itself; give a profile or MODULE:FACTORY"
        )
    if where.endswith(".toml"):
        return profiles.load(where)
    if ":" not in where:
        raise UsageError(f"{where}: a target is PACKAGE:FILE.toml, the path of a profile, or MODULE:FACTORY")
    return replace(profiles.load(), app=where, origin=where)


def _configured() -> str | None:
    """`target` of `[tool.shakeout]` in the pyproject.toml of the current folder, where there is one."""
    place = Path("pyproject.toml")
    if not place.is_file():
        return None
    try:
        table = tomllib.loads(place.read_text(encoding="utf-8")).get("tool", {}).get("shakeout", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{place}: {error}; mend it, or give --target") from error
    found = table.get("target")
    return None if found is None else str(found)


@contextlib.contextmanager
def progress(first: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Say on a terminal's standard error what is being done; nothing where there is no terminal."""
    if quiet or not err.is_terminal:
        yield lambda _: None
        return
    with err.status(first) as status:
        yield status.update


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C or SIGTERM cancels it, and everything that it started is ended before this exits.

    The parser would turn KeyboardInterrupt into a silent exit, so what is to be said is said here.
    """
    try:
        return asyncio.run(_terminable(work))
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        err.print("shakeout: interrupted; everything that was started has been ended")
        raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else TERMINATED) from None


async def _terminable(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` so that SIGTERM cancels it, as Ctrl-C does: a CI server that gives up leaves nothing behind."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
