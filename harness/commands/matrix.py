"""`shakeout matrix`: defects against scenarios, pairs of defects, and how often the clean service is accused."""

import shlex
from dataclasses import replace
from typing import Annotated

import typer

from harness import library
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
    out,
    progress,
    wait_for,
)
from harness.commands.jobs import Jobs, at_a_time
from harness.commands.matrix_extra import Asked, play_controls, play_pairs
from harness.errors import UsageError
from harness.history import LOGS, PROVIDER
from harness.matrix import DefectResult, How, MatrixResult, matrix
from harness.reports import html, json_file, junit, terminal
from harness.runner import SEED, Options
from harness.scenario import STAGES, Scenario
from harness.verdict import Verdict

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
    check_places(json, junit_xml, history)
    json_file.check_place(html_page)
    chosen = options(stage=stage or STAGES[0], seed=seed, defects=None, target=target, histories=history)
    stages = (stage,) if stage else STAGES
    how = How(stages=stages, jobs=at_a_time(jobs, chosen), full=full, declared=bool(names) and not full)
    scenarios = library.find(names or [])
    replay = _replay(scenarios if names else (), chosen, how, stage)
    if controls is not None or pairs:
        _check_alone(full, controls and pairs, junit_xml, html_page)
        asked = Asked(names=names or [], options=chosen, how=how, json=json, replay=replay, quiet=quiet)
        verdict = play_pairs(asked) if controls is None else play_controls(asked, controls)
        raise typer.Exit(verdict.exit_code)
    with progress("starting", quiet=quiet) as say:
        result = wait_for(matrix(scenarios, chosen, replace(how, say=say)))
    if not quiet:
        _show(result, [one.name for one in scenarios if not set(how.stages) & set(one.stages)])
    if json is not None:
        head = json_file.document("matrix", result.verdict, replay)
        json_file.write(json, {**head, "seed": SEED if seed is None else seed, **_body(result)})
    if junit_xml is not None:
        junit.write(junit_xml, [*map(_case, result.defects), *map(junit.scenario_case, result.clean)])
    if html_page is not None:
        html.write(html_page, "matrix.html", **_page(result, chosen, replay))
    raise typer.Exit(result.verdict.exit_code)


def _check_alone(*given: object) -> None:
    """Refuse what belongs to the matrix itself beside --controls or --pairs.

    Raises:
        UsageError: something of it is given.
    """
    if any(given):
        raise UsageError("--controls and --pairs are played alone, without --full, --junit and --html")


def _replay(scenarios: tuple[Scenario, ...], chosen: Options, how: How, stage: str | None) -> str:
    """The command that plays this matrix again."""
    words = ["shakeout", "matrix", *(scenario.origin or scenario.name for scenario in scenarios)]
    words += ["--stage", stage] if stage else []
    if chosen.seed is not None or all(scenario.seed is None for scenario in scenarios):
        words += ["--seed", str(SEED if chosen.seed is None else chosen.seed)]
    words += ["--full"] if how.full else []
    words += ["--target", chosen.target] if chosen.target else []
    return shlex.join(words)


def _show(result: MatrixResult, elsewhere: list[str]) -> None:
    """Misses first, then what was caught by what; then every alarm without a defect, with its evidence."""
    headings = ("defect", "class", "result", "scenarios", "right reasons", "needs", "other invariants")
    rows = [
        (
            defect.name,
            defect.incident_class or "-",
            "[green]caught[/]" if defect.caught else "[bold red]MISSED[/]",
            ", ".join(defect.by) or ", ".join(defect.played) or "no scenario declares it",
            ", ".join(defect.reasons) or "-",
            ", ".join(defect.needs) or "-",
            ", ".join(defect.others) or "-",
        )
        for defect in sorted(result.defects, key=lambda defect: defect.caught)
    ]
    terminal.show_rows(out, headings, rows)
    for clean in result.clean:
        terminal.show_wrong(out, clean)
    if elsewhere:
        out.print(f"not applicable in this stage: {', '.join(elsewhere)}")
    for witness, lost in result.classes_needing.items():
        blind = ", ".join(lost) or "none"
        out.print(f"classes that are not caught without the witness {witness}: {blind}")
    caught, alarms = sum(defect.caught for defect in result.defects), len(result.false_alarms)
    out.print(
        f"\n{terminal.styled(result.verdict)}: {caught} of {len(result.defects)} caught, {alarms} false alarms"
    )


def _body(result: MatrixResult) -> dict[str, object]:
    """The part of the document that is the matrix's own."""
    return {
        "defects": [
            {
                "name": defect.name,
                "class": defect.incident_class,
                "caught": defect.caught,
                "by": list(defect.by),
                "reasons": list(defect.reasons),
                "others": list(defect.others),
                "played": list(defect.played),
                "needs": list(defect.needs),
            }
            for defect in result.defects
        ],
        "classes_needing": {name: list(lost) for name, lost in result.classes_needing.items()},
        "false_alarms": list(result.false_alarms),
        "scenarios": [json_file.scenario_document(clean) for clean in result.clean],
    }


def _page(result: MatrixResult, chosen: Options, replay: str) -> dict[str, object]:
    """What the page is told: the headline, then the rows, what was missed first."""
    columns = [clean.name for clean in result.clean]
    return {
        "title": f"Defects against scenarios: {chosen.profile.name}",
        "verdict": str(result.verdict),
        "caught": sum(defect.caught for defect in result.defects),
        "defects": sorted(result.defects, key=lambda defect: (defect.caught, defect.incident_class)),
        "alarms": [clean for clean in result.clean if clean.verdict is Verdict.FAILED],
        "unclear": [c for c in result.clean if c.verdict in (Verdict.INVALID, Verdict.UNDECIDED)],
        "columns": columns,
        "needing": {name: result.classes_needing[name] for name in (LOGS, PROVIDER)},
        "replay": replay,
    }


def _case(defect: DefectResult) -> junit.Case:
    """A defect as a case: missed is a failure."""
    return junit.Case(
        suite="defects",
        name=defect.name,
        verdict=Verdict.PASSED if defect.caught else Verdict.FAILED,
        message="" if defect.caught else f"no scenario failed for a reason that {defect.name} names",
        details=f"played: {', '.join(defect.played)}; other invariants: {', '.join(defect.others)}",
    )
