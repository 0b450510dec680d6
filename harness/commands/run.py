"""`shakeout run`: plays scenarios."""

from typing import Annotated

import typer

from harness import library
from harness.commands.common import (
    Defect,
    Histories,
    JsonFile,
    JunitFile,
    Quiet,
    Seed,
    Stage,
    Target,
    options,
    out,
    progress,
    wait_for,
)
from harness.reports import json_file, junit, terminal
from harness.runner import SEED, Options, run
from harness.scenario import Scenario
from harness.verdict import ScenarioVerdict, Verdict


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Scenarios, folders or files; all by default.")
    ] = None,
    *,
    stage: Stage = "live",
    seed: Seed = SEED,
    defect: Defect = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    history: Histories = None,
    quiet: Quiet = False,
) -> None:
    """Play scenarios: table, evidence, verdict."""
    for place in (json, junit_xml):
        json_file.check_place(place)
    chosen = options(stage=stage, seed=seed, defects=defect, target=target, histories=history)
    results = wait_for(_play(library.find(names or []), chosen, quiet=quiet))
    verdict = Verdict.worst(result.verdict for result in results)
    if not quiet:
        terminal.show_run(out, results)
        out.print(f"\n{terminal.styled(verdict)}: {len(results)} scenarios, {stage}, seed {seed}")
    if json is not None:
        listed = [json_file.scenario_document(result) for result in results]
        head = json_file.document("run", verdict, chosen.replay(" ".join(names or [])))
        json_file.write(
            json, {**head, "seed": seed, "target": chosen.profile.name, "stage": stage, "scenarios": listed}
        )
    if junit_xml is not None:
        junit.write(junit_xml, map(junit.scenario_case, results))
    raise typer.Exit(verdict.exit_code)


async def _play(scenarios: tuple[Scenario, ...], chosen: Options, *, quiet: bool) -> list[ScenarioVerdict]:
    """Play one after the other: each has the machine to itself, so that times mean something."""
    results = []
    with progress("starting", quiet=quiet) as say:
        for number, scenario in enumerate(scenarios, start=1):
            say(f"{number} of {len(scenarios)}: {scenario.name}")
            results.append(await run(scenario, chosen))
    return results
