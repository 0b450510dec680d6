"""`shakeout matrix`: defects against scenarios."""

import shlex
from typing import Annotated

import typer

from harness import library
from harness.commands.common import (
    Histories,
    JsonFile,
    JunitFile,
    Names,
    Quiet,
    ScenarioSeed,
    Stage,
    Target,
    check_places,
    options,
    out,
    progress,
    wait_for,
)
from harness.matrix import DefectResult, MatrixResult, matrix
from harness.reports import json_file, junit, terminal
from harness.runner import SEED, STAGE, Options
from harness.scenario import Scenario
from harness.verdict import Verdict


def command(
    names: Names = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Play each defect with every scenario.")] = False,
    stage: Stage = STAGE,
    seed: ScenarioSeed = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    history: Histories = None,
    quiet: Quiet = False,
) -> None:
    """Play every scenario clean, and each defect of the target against those that must catch it."""
    check_places(json, junit_xml, history)
    chosen = options(stage=stage, seed=seed, defects=None, target=target, histories=history)
    scenarios = library.find(names or [])
    with progress("starting", quiet=quiet) as say:
        result = wait_for(matrix(scenarios, chosen, full=full, progress=say))
    if not quiet:
        _show(result)
        if elsewhere := [scenario.name for scenario in scenarios if stage not in scenario.stages]:
            out.print(f"not applicable in {stage}: {', '.join(elsewhere)}")
    if json is not None:
        head = json_file.document(
            "matrix", result.verdict, _replay(scenarios if names else (), chosen, full=full)
        )
        json_file.write(json, {**head, "seed": SEED if seed is None else seed, **_body(result)})
    if junit_xml is not None:
        junit.write(junit_xml, [*map(_case, result.defects), *map(junit.scenario_case, result.clean)])
    raise typer.Exit(result.verdict.exit_code)


def _replay(scenarios: tuple[Scenario, ...], chosen: Options, *, full: bool) -> str:
    """The command that plays this matrix again."""
    words = [
        "shakeout",
        "matrix",
        *(scenario.origin or scenario.name for scenario in scenarios),
        "--stage",
        chosen.stage,
    ]
    if chosen.seed is not None or all(scenario.seed is None for scenario in scenarios):
        words += ["--seed", str(SEED if chosen.seed is None else chosen.seed)]
    words += ["--full"] if full else []
    words += ["--target", chosen.target] if chosen.target else []
    return shlex.join(words)


def _show(result: MatrixResult) -> None:
    """Misses first, then what was caught by what; then every alarm without a defect, with its evidence."""
    rows = [
        (
            defect.name,
            "[green]caught[/]" if defect.caught else "[bold red]MISSED[/]",
            ", ".join(defect.by) or ", ".join(defect.played) or "no scenario declares it",
            ", ".join(defect.reasons) or "-",
            ", ".join(defect.others) or "-",
        )
        for defect in sorted(result.defects, key=lambda defect: defect.caught)
    ]
    terminal.show_rows(out, ("defect", "result", "scenarios", "right reasons", "other invariants"), rows)
    for clean in result.clean:
        terminal.show_wrong(out, clean)
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
                "caught": defect.caught,
                "by": list(defect.by),
                "reasons": list(defect.reasons),
                "others": list(defect.others),
                "played": list(defect.played),
            }
            for defect in result.defects
        ],
        "false_alarms": list(result.false_alarms),
        "scenarios": [json_file.scenario_document(clean) for clean in result.clean],
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
