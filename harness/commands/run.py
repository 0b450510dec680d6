"""`shakeout run`: plays scenarios."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from harness import library, recording
from harness.commands.aim import placed
from harness.commands.common import (
    AllowedHost,
    Defect,
    Histories,
    HtmlFile,
    JsonFile,
    JunitFile,
    Loop,
    Names,
    Policy,
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
from harness.commands.jobs import Jobs, at_a_time
from harness.determinism import HASH_SEEDS, run_checked
from harness.errors import Inapplicable, UsageError
from harness.history import History
from harness.redaction import Redactor, Rules, configured
from harness.reports import incident, json_file, junit, terminal
from harness.runner import SEED, STAGE, Options, opened, playable, run_on
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.driven import POLICIES
from harness.targets.play import Play
from harness.verdict import ScenarioVerdict, Verdict

CheckDeterminism = Annotated[
    bool,
    typer.Option("--check-determinism", help="Play each again in a fresh process: invalid if it differs."),
]
HashSeeds = Annotated[
    bool, typer.Option("--hash-seeds", help="With the check: under other seeds of PYTHONHASHSEED, too.")
]


def command(
    names: Names = None,
    *,
    stage: Stage = STAGE,
    seed: ScenarioSeed = None,
    policy: Policy = POLICIES[0],
    defect: Defect = None,
    twice: CheckDeterminism = False,
    hash_seeds: HashSeeds = False,
    target: Target = None,
    allow_host: AllowedHost = None,
    loop: Loop = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    html: HtmlFile = None,
    history: Histories = None,
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Play scenarios: table, evidence, verdict."""
    check_places(json, junit_xml, history, html, read=[*(names or ()), target])
    chosen = options(
        stage=stage,
        seed=seed,
        policy=policy,
        defects=defect,
        target=target,
        histories=history,
        allowed_host=allow_host,
        loop=loop,
    )
    scenarios = library.find(names or [])
    carried = playable(scenarios, stage)
    run = _checked(twice=twice, hash_seeds=hash_seeds)
    with _kept(chosen, html) as (kept, rules):
        results, without = wait_for(_play(carried, kept, run, at_a_time(jobs, chosen), quiet=quiet))
        elsewhere = {one.name: "" for one in scenarios if one not in carried} | without
        _show(results, elsewhere, stage, quiet=quiet)
        _write_page(html, results, kept, rules)
    _write((json, junit_xml), results, list(elsewhere), chosen, chosen.replay(*(scenarios if names else ())))
    raise typer.Exit(Verdict.worst(result.verdict for result in results).exit_code)


Run = Callable[[Play, Scenario, Options], Awaitable[ScenarioVerdict]]


def _checked(*, twice: bool, hash_seeds: bool) -> Run:
    """How each scenario is played: once, or twice in fresh processes, which must not differ.

    Raises:
        UsageError: other hash seeds are asked for, and nothing to compare.
    """
    if hash_seeds and not twice:
        raise UsageError("--hash-seeds belongs to --check-determinism: give both, or none")
    return partial(run_checked, hash_seeds=HASH_SEEDS if hash_seeds else ()) if twice else run_on


async def _play(
    scenarios: tuple[Scenario, ...], chosen: Options, run: Run, jobs: int, *, quiet: bool
) -> tuple[list[ScenarioVerdict], dict[str, str]]:
    """Play a few at a time; what the machine was too slow to judge by, again and alone.

    Beside the verdicts: the scenarios for which the target has not what they would break, and why.

    Raises:
        Inapplicable: that is so of all of them.
    """
    without: dict[str, Inapplicable] = {}

    async def one(play: Play, scenario: Scenario) -> ScenarioVerdict | None:
        try:
            return await run(play, scenario, chosen)
        except Inapplicable as error:
            without[scenario.name] = error
            return None

    with progress("starting", quiet=quiet) as say, placed(chosen.profile):
        async with AsyncExitStack() as stack:
            plays = [
                await stack.enter_async_context(opened(chosen)) for _ in range(min(jobs, len(scenarios)))
            ]
            results = await spread(
                plays,
                scenarios,
                one,
                say=lambda number, scenario: say(f"{number} of {len(scenarios)}: {scenario.name}"),
                again=lambda result: result is not None and result.may_be_slow,
            )
    left = {one.name: without[one.name] for one in scenarios if one.name in without}
    if len(left) == len(scenarios):
        raise next(iter(left.values()))
    played = [result for result in results if result is not None]
    return played, {name: str(error).removeprefix(f"{name}: ") for name, error in left.items()}


@contextmanager
def _kept(chosen: Options, html: Path | None) -> Iterator[tuple[Options, Rules]]:
    """The options with a folder for histories, of which a page is made, and what is redacted there.

    Where the user wants no histories, the folder is gone afterwards.

    Raises:
        UsageError: what the user's pyproject says of redaction cannot be used.
    """
    rules = Rules() if html is None else configured()
    if html is None or chosen.histories is not None:
        yield chosen, rules
        return
    with TemporaryDirectory(prefix="shakeout-") as folder:
        yield replace(chosen, histories=Path(folder)), rules


def _write_page(path: Path | None, results: list[ScenarioVerdict], kept: Options, rules: Rules) -> None:
    """The page of a run: a section an arm of each scenario. The messages are the scenarios' own, and are shown.

    Raises:
        InvalidRun: it cannot be written, or a history cannot be read.
    """
    if path is None:
        return
    sections = [
        section for result in results for section in incident.sections(result, _histories(result, kept))
    ]
    incident.write(
        path,
        title=f"{kept.profile.shown}, {kept.stage}",
        verdict=str(Verdict.worst(result.verdict for result in results)),
        sections=sections,
        redactor=Redactor(replace(rules, messages=False)),
    )


def _histories(result: ScenarioVerdict, kept: Options) -> Iterator[History]:
    """The histories of both arms, the faulted one first; none of a run that broke off."""
    if kept.histories is None or not result.checked:
        return
    for arm in ("faulted", "control"):
        place = recording.place(
            kept.histories,
            result.name,
            stage=kept.stage,
            defects=kept.defects,
            seed=result.seed,
            arm=arm,
        )
        if place.is_file() and (arm == "faulted" or result.control != "none"):
            yield recording.load(place.read_bytes())


def _write(
    places: tuple[Path | None, Path | None],
    results: list[ScenarioVerdict],
    elsewhere: list[str],
    chosen: Options,
    replay: str,
) -> None:
    """Write what is asked for of the JSON and the JUnit document.

    Raises:
        InvalidRun: one cannot be written.
    """
    json, junit_xml = places
    if json is not None:
        json_file.write(json, _document(results, elsewhere, chosen, replay))
    if junit_xml is not None:
        junit.write(junit_xml, map(junit.scenario_case, results))


def _document(
    results: list[ScenarioVerdict], elsewhere: list[str], chosen: Options, replay: str
) -> dict[str, object]:
    """The document of a run."""
    head = json_file.document(
        "run",
        Verdict.worst(result.verdict for result in results),
        replay,
        seed=SEED if chosen.seed is None else chosen.seed,
        target=chosen.profile.shown,
        stage=chosen.stage,
    )
    listed = [json_file.scenario_document(result) for result in results]
    return {**head, "scenarios": listed, "not_applicable": elsewhere}


def _show(results: list[ScenarioVerdict], elsewhere: dict[str, str], stage: str, *, quiet: bool) -> None:
    """The table, what went wrong, and what the run says as a whole; nothing where nothing is wanted."""
    if quiet:
        return
    verdict = Verdict.worst(result.verdict for result in results)
    terminal.show_run(out, results)
    out.print(f"\n{terminal.styled(verdict)}: {_counted(results, verdict)}, {stage}, {_seeds(results)}")
    if other := [name for name, why in elsewhere.items() if not why]:
        out.print(f"not applicable in {stage}: {', '.join(other)}")
    for name, why in elsewhere.items():
        if why:
            out.print(f"not applicable: {name}: {why}", markup=False)


def _seeds(results: list[ScenarioVerdict]) -> str:
    """The seed that they were played with; more than one where scenarios have their own."""
    seeds = sorted({result.seed for result in results})
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _counted(results: list[ScenarioVerdict], verdict: Verdict) -> str:
    """How many scenarios the verdict of the run is about."""
    same = sum(result.verdict is verdict for result in results)
    return f"{same} of {len(results)} scenarios"
