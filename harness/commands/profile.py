"""`shakeout profile check`: holds one conversation by a profile, and says what it could not find."""

import shlex
from typing import Annotated

import typer
from rich.markup import escape

from harness.checkup import points
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
from harness.history import History
from harness.reports import json_file, terminal
from harness.runner import SEED, Options, job, opened
from harness.scenario import CANARY, Scenario, Turn
from harness.verdict import Verdict

app = typer.Typer(
    help="Profiles: how to hold a turn with a service.", no_args_is_help=True, rich_markup_mode=None
)

CONVERSATION = Scenario(
    name="profile_check",
    steps=(
        Turn(session="a", message=f"Remember {CANARY}, please."),
        Turn(session="a", message=f"What about {CANARY}?"),
        Turn(session="a", message=f"And {CANARY}?", stream=True),
    ),
    golden_turns=1,
)


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
    check_places(json, None, None)
    chosen = options(
        stage=stage, seed=SEED, defects=None, target=target, histories=None, allowed_host=allow_host
    )
    with progress("starting", quiet=quiet):
        history = wait_for(_play(chosen))
    found = points(history, chosen.profile)
    wrong = [point for point in found if point.wrong]
    verdict = Verdict.FAILED if wrong else Verdict.PASSED
    if not quiet:
        rows = [
            (
                point.what,
                "[bold red]no[/]" if point.wrong else "[green]yes[/]" if point.found else "-",
                escape(point.said),
            )
            for point in found
        ]
        terminal.show_rows(out, ("part", "found", ""), rows)
        out.print(
            f"\n{terminal.styled(verdict)}: {len(wrong)} of {len(found)} to be mended in {chosen.profile.origin}"
        )
    if json is not None:
        replay = shlex.join(["shakeout", "profile", "check", *chosen.aimed])
        listed = [
            {"part": point.what, "found": point.found, "wrong": point.wrong, "said": point.said}
            for point in found
        ]
        json_file.write(json, json_file.document("profile", verdict, replay, seed=SEED, parts=listed))
    raise typer.Exit(verdict.exit_code)


async def _play(chosen: Options) -> History:
    """Hold the conversation once."""
    async with opened(chosen) as play:
        return await play(job(CONVERSATION, "control", chosen))
