"""`shakeout run`: plays scenarios."""

import typer

from harness import library
from harness.commands.common import (
    Defect,
    Histories,
    JsonFile,
    JunitFile,
    Names,
    Quiet,
    Seed,
    Stage,
    Target,
    check_places,
    options,
    out,
    progress,
    wait_for,
)
from harness.reports import json_file, junit, terminal
from harness.runner import SEED, Options, playable, run
from harness.scenario import Scenario
from harness.verdict import ScenarioVerdict, Verdict


def command(
    names: Names = None,
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
    check_places(json, junit_xml, history)
    chosen = options(stage=stage, seed=seed, defects=defect, target=target, histories=history)
    scenarios = library.find(names or [])
    carried = playable(scenarios, stage)
    results = wait_for(_play(carried, chosen, quiet=quiet))
    elsewhere = [scenario.name for scenario in scenarios if scenario not in carried]
    verdict = Verdict.worst(result.verdict for result in results)
    if not quiet:
        terminal.show_run(out, results)
        out.print(f"\n{terminal.styled(verdict)}: {_counted(results, verdict)}, {stage}, seed {seed}")
        if elsewhere:
            out.print(f"not applicable in {stage}: {', '.join(elsewhere)}")
    if json is not None:
        listed = [json_file.scenario_document(result) for result in results]
        replay = chosen.replay(*(scenarios if names else ()))
        head = json_file.document("run", verdict, replay, seed=seed, target=chosen.profile.name, stage=stage)
        json_file.write(json, {**head, "scenarios": listed, "not_applicable": elsewhere})
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


def _counted(results: list[ScenarioVerdict], verdict: Verdict) -> str:
    """How many scenarios the verdict of the run is about."""
    same = sum(result.verdict is verdict for result in results)
    return f"{same} of {len(results)} scenarios"
