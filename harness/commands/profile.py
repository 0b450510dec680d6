"""`shakeout profile check`: holds one conversation by a profile; says what it could not find, and what a sweep would play."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.markup import escape

from harness import library
from harness.checkup import Point, conversation, points
from harness.commands.aim import placed
from harness.commands.common import (
    AllowedHost,
    JsonFile,
    Quiet,
    Target,
    check_places,
    options,
    out,
    progress,
    wait_for,
)
from harness.commands.sweep import DRILLS
from harness.history import History
from harness.registry import ALL_STAGES
from harness.reports import json_file, terminal
from harness.runner import SEED, Options, job, opened
from harness.sweep import planned, settled
from harness.targets.profile import Profile
from harness.verdict import Verdict

app = typer.Typer(help="Profiles: how to hold a turn with a service.", rich_markup_mode=None)


@app.callback()
def profile() -> None:
    """Profiles: how to hold a turn with a service."""


@app.command("check")
def check(
    *,
    target: Target = None,
    stage: Annotated[str, typer.Option(help="live or simulated.")] = "live",
    allow_host: AllowedHost = None,
    json: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Start the service, hold one conversation, and say what was found and what was not."""
    check_places(json, None, None, read=[target])
    chosen = options(
        stage=stage, seed=SEED, defects=None, target=target, histories=None, allowed_host=allow_host
    )
    with progress("starting", quiet=quiet):
        history = wait_for(_play(chosen))
    found = points(history, chosen.profile)
    verdict = Verdict.INVALID if any(point.wrong for point in found) else Verdict.PASSED
    swept = [_swept(chosen.profile, stage, history) for stage in ALL_STAGES]
    if not quiet:
        _show(found, swept, verdict, chosen)
    if json is not None:
        json_file.write(json, _document(found, swept, verdict, chosen))
    raise typer.Exit(verdict.exit_code)


async def _play(chosen: Options) -> History:
    """Hold the conversation once."""
    with placed(chosen.profile):
        async with opened(chosen) as play:
            return await play(job(conversation(chosen.profile), "faulted", chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How many faults a sweep would play there, each with the knobs that it tries, and how many not, by the reason."""

    name: str
    faults: int
    not_applicable: Mapping[str, int]


def _swept(profile: Profile, stage: str, history: History) -> Stage:
    """What a sweep would play in a stage, by what the profile says and what was seen in the conversation."""
    drills = {drill.name: drill for drill in library.find([DRILLS])}
    plan = settled(planned(profile, stage, drills, []), profile, [history])
    faults, reasons = len(plan.trials), Counter(plan.not_applicable.values())
    if stage == "simulated" and not profile.app:
        reasons = Counter({"needs app: a simulation holds the app itself": faults + reasons.total()})
        faults = 0
    return Stage(name=stage, faults=faults, not_applicable=dict(reasons.most_common()))


def _show(found: Sequence[Point], stages: Sequence[Stage], verdict: Verdict, chosen: Options) -> None:
    """The parts of the profile, and how much is to be mended; where nothing is, what a sweep would play."""
    marks = {
        point: "[bold red]no[/]" if point.wrong else "[green]yes[/]" if point.found else "-"
        for point in found
    }
    rows = [(point.what, marks[point], escape(point.said)) for point in found]
    terminal.show_rows(out, ("part", "found", ""), rows)
    for stage in stages if verdict is Verdict.PASSED else ():
        untried = stage.faults and stage.name != chosen.stage
        hint = f"; whether it can be held there, profile check --stage {stage.name} says" if untried else ""
        unfit = sum(stage.not_applicable.values())
        out.print(
            f"\nsweep --stage {stage.name}: {stage.faults} faults to be played, {unfit} not applicable{hint}"
        )
        for reason, count in stage.not_applicable.items():
            out.print(f"  {count}: {escape(reason)}", style="dim")
    wrong = sum(point.wrong for point in found)
    out.print(
        f"\n{terminal.styled(verdict)}: {wrong} of {len(found)} to be mended in {chosen.profile.origin}"
    )


def _document(
    found: Sequence[Point], stages: Sequence[Stage], verdict: Verdict, chosen: Options
) -> dict[str, object]:
    """The document of a check."""
    replay = shlex.join(["shakeout", "profile", "check", "--stage", chosen.stage, *chosen.aimed])
    parts = [
        {"part": point.what, "found": point.found, "wrong": point.wrong, "said": point.said}
        for point in found
    ]
    sweeps = {
        stage.name: {"faults": stage.faults, "not_applicable": stage.not_applicable} for stage in stages
    }
    return json_file.document("profile", verdict, replay, seed=SEED, parts=parts, sweeps=sweeps)
