"""`shakeout matrix`: defects against scenarios, pairs of defects, and how often the clean service is accused."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.aim import resolve
from harness.commands.common import (
    Histories,
    HtmlFile,
    JsonFile,
    JunitFile,
    Names,
    Quiet,
    ScenarioSeed,
    Target,
    check_places,
    options,
    progress,
    wait_for,
)
from harness.commands.jobs import Jobs, at_a_time
from harness.commands.matrix_extra import Asked, play_controls, play_pairs
from harness.commands.matrix_names import again, found
from harness.commands.matrix_report import body, cases, page, show
from harness.errors import UsageError
from harness.matrix import How, MatrixResult, catalogue, matrix
from harness.reports import html, json_file, junit
from harness.runner import SEED
from harness.scenario import STAGES

Full = Annotated[bool, typer.Option("--full", help="Play each defect with every scenario.")]
Pairs = Annotated[bool, typer.Option("--pairs", help="Play two defects at once, each pair that can be.")]
Clean = Annotated[
    int | None,
    typer.Option(
        "--controls", min=1, metavar="N", help="Play N clean runs, with all faults, and count alarms."
    ),
]
MatrixStage = Annotated[
    str | None,
    typer.Option(
        "--stage", show_default="for each scenario the first that can carry it", help="simulated or live."
    ),
]


def command(
    names: Names = None,
    *,
    full: Full = False,
    pairs: Pairs = False,
    controls: Clean = None,
    stage: MatrixStage = None,
    seed: ScenarioSeed = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    html_page: HtmlFile = None,
    history: Histories = None,
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Play every scenario clean, and each defect of the target against those that must catch it."""
    check_places(json, junit_xml, history, html_page, read=[*(names or ()), target])
    profile = resolve(target)
    if controls is None:
        catalogue(profile)
    stages = (stage,) if stage else STAGES if profile.app else ("live",)
    chosen = options(stage=stages[0], seed=seed, defects=None, target=target, histories=history)
    how = How(stages=stages, jobs=at_a_time(jobs, chosen), full=full, declared=bool(names))
    if controls is not None or pairs:
        _check_alone(full, controls and pairs, junit_xml, html_page)
        asked = Asked(names=names or [], options=chosen, how=how, json=json, quiet=quiet)
        verdict = play_pairs(asked) if controls is None else play_controls(asked, controls)
        raise typer.Exit(verdict.exit_code)
    scenarios = found(names or [], profile)
    replay = again(scenarios if names else (), chosen, how, [])
    with progress("starting", quiet=quiet) as say:
        result = wait_for(matrix(scenarios, chosen, replace(how, say=say)))
    if not quiet:
        show(result, replay)
    if json is not None:
        head = json_file.document("matrix", result.verdict, replay)
        json_file.write(json, {**head, "seed": SEED if seed is None else seed, **body(result)})
    _write_others(result, junit_xml, html_page, profile.name, replay)
    raise typer.Exit(result.verdict.exit_code)


def _write_others(
    result: MatrixResult, junit_xml: Path | None, html_page: Path | None, target: str, replay: str
) -> None:
    """Write JUnit XML and the page, where they are wanted."""
    if junit_xml is not None:
        junit.write(junit_xml, cases(result))
    if html_page is not None:
        title = f"Defects against scenarios: {target}"
        html.write(html_page, "matrix.html", **page(result, title, replay))


def _check_alone(*given: object) -> None:
    """Refuse what belongs to the matrix itself beside --controls or --pairs.

    Raises:
        UsageError: something of it is given.
    """
    if any(given):
        raise UsageError("--controls and --pairs are played alone, without --full, --junit and --html")
