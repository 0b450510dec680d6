"""`shakeout explore`: seeds, schedules and faults until something breaks; what does is made small and written down."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from harness import library
from harness.commands.common import (
    Defect,
    JsonFile,
    Names,
    Quiet,
    Seed,
    Target,
    check_places,
    options,
    out,
    output,
    progress,
    seconds,
    wait_for,
)
from harness.commands.scenario_file import check_scenario_place, free_name
from harness.errors import Inapplicable, InvalidRun, UsageError
from harness.reports import json_file, terminal
from harness.runner import SEED, STAGE, Options, check_needs, playable, run
from harness.scenario import Scenario, load
from harness.search.explore import Effort, Explorer, Found, Tally
from harness.search.reduce import Reduced, reduced
from harness.search.scenarios import Surface
from harness.search.trials import trials
from harness.search.write import write
from harness.targets.hosted import Host
from harness.targets.profile import Profile
from harness.verdict import Verdict

FOR = "60s"
JOBS_MAX = 64

For = Annotated[str | None, typer.Option("--for", help=f"Stop after so long: 90s, 5m, 1h; {FOR} by default.")]
Runs = Annotated[int | None, typer.Option(min=1, help="Stop after so many runs instead.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, max=JOBS_MAX, show_default="one a core", help="Processes at once.")
]
Faults = Annotated[
    bool, typer.Option("--faults/--no-faults", help="Vary the faults too, or seeds and schedules alone.")
]
WriteTo = Annotated[
    Path | None,
    typer.Option("--output", "-o", parser=output, metavar="FILE", help="Where a found scenario goes."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What an exploration found, where its scenario was written, and the command that plays it.

    Where it could not be written, `unwritten` says why, and the command explores again.
    """

    found: Found
    reduced: Reduced
    path: Path | None
    replay: str
    unwritten: str = ""


def command(
    names: Names = None,
    *,
    duration: For = None,
    runs: Runs = None,
    jobs: Jobs = None,
    seed: Seed = SEED,
    faults: Faults = True,
    defect: Defect = None,
    target: Target = None,
    write_to: WriteTo = None,
    json: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Play scenarios under many seeds, schedules and faults; ends with 1 and a scenario file where one fails."""
    check_places(json, None, None, write_to=write_to, read=[*(names or ()), target])
    check_scenario_place(write_to)
    chosen = options(stage=STAGE, seed=None, defects=defect, target=target, histories=None)
    bases, left_out = _able(playable(library.find(names or []), STAGE), chosen.profile)
    drawn = trials(bases, Surface.of(chosen.profile), seed, drawing=faults and not names, faults=faults)
    effort = Effort(for_s=_for_s(duration, runs), runs=runs, jobs=jobs or os.cpu_count() or 1)
    with progress("starting", quiet=quiet) as say:
        explorer = Explorer(chosen, effort, drawn, say)
        explorer.tally.left_out |= left_out
        found = wait_for(explorer.run())
        broken = None
        if found is not None:
            say("making it smaller")
            broken = wait_for(_written(found, chosen, write_to, _again(names, seed, chosen, faults=faults)))
    if not quiet:
        _show(explorer.tally, broken, bases)
    verdict = explorer.tally.verdict if broken is None else Verdict.FAILED
    if json is not None:
        replay = broken.replay if broken is not None else _again(names, seed, chosen, faults=faults)
        head = json_file.document("explore", verdict, replay, seed=seed, target=chosen.profile.name)
        json_file.write(json, {**head, **_body(explorer.tally, broken)})
    raise typer.Exit(verdict.exit_code)


def _able(
    scenarios: Sequence[Scenario], profile: Profile
) -> tuple[tuple[Scenario, ...], dict[str, Inapplicable]]:
    """The scenarios for which the target has what they would break, as its profile says, and why it has not, of the others.

    Raises:
        Inapplicable: that is so of all of them.
    """
    left_out: dict[str, Inapplicable] = {}
    for scenario in scenarios:
        try:
            check_needs(scenario, profile)
        except Inapplicable as error:
            left_out[scenario.name] = error
    if len(left_out) == len(scenarios):
        raise next(iter(left_out.values()))
    return tuple(one for one in scenarios if one.name not in left_out), left_out


def _for_s(duration: str | None, runs: int | None) -> float | None:
    """How long to look; None where a number of runs is the budget."""
    if duration is not None and runs is not None:
        raise UsageError("an exploration ends after a time or after a number of runs: give one of the two")
    if runs is not None:
        return None
    for_s = seconds(duration or FOR)
    if for_s <= 0:
        raise UsageError(f"--for {duration}: must be above 0, such as {FOR}")
    return for_s


async def _written(found: Found, chosen: Options, place: Path | None, again: str) -> Broken:
    """Make it small, write it, and see the file fail for the same reason in a fresh process.

    Raises:
        InvalidRun: it does not fail again.
    """
    async with Host.of(chosen.profile) as host:
        small = await reduced(found, chosen, host)
    scenario = replace(small.scenario, defects=chosen.defects)
    path = place or free_name(f"{found.trial.scenario.name}_{small.invariant}")
    try:
        write(scenario, path, _told(found, small))
    except UsageError as error:  # what was found is worth more than the file
        return Broken(found=found, reduced=small, path=None, replay=again, unwritten=str(error))
    kept = load(path)
    result = await run(kept, chosen)
    if small.invariant not in result.invariants_violated:
        path.unlink()
        raise InvalidRun(f"{found.trial}: failed for {small.invariant}, and as a file it is {result.verdict}")
    return Broken(found=found, reduced=small, path=path, replay=chosen.replay(kept))


def _told(found: Found, small: Reduced) -> list[str]:
    """The docstring of the file: what broke, and how it was found."""
    violation = next(one for one in found.violations if one.invariant == small.invariant)
    return [
        f"{small.invariant}: {violation.message}",
        "",
        f"Found by `shakeout explore` in run {found.trial.number} ({found.trial}), and made smaller by {small.runs} more runs.",
    ]


def _again(names: list[str] | None, seed: int, chosen: Options, *, faults: bool) -> str:
    """The command that explores like this again."""
    words = ["shakeout", "explore", *(names or []), "--seed", str(seed), *([] if faults else ["--no-faults"])]
    words += [word for defect in chosen.defects for word in ("--defect", defect)]
    words += ["--target", chosen.target] if chosen.target else []
    return shlex.join(words)


def _show(tally: Tally, broken: Broken | None, bases: Sequence[Scenario]) -> None:
    """What was found, with its evidence, and what was played."""
    for reason, count in tally.refused.most_common(terminal.SHOWN_MAX):
        out.print(f"  {count} x invalid: {reason}", markup=False)
    for name, why in tally.left_out.items():
        out.print(f"  not applicable: {name}: {str(why).removeprefix(f'{name}: ')}", markup=False)
    if broken is None:
        out.print(f"\n{terminal.styled(tally.verdict)}: nothing found; {tally}; {_counts(tally)}")
        for base in (one for one in bases if one.schedule is not None):
            kept = f"{base.origin}: to keep it without the order that failed, leave schedule= out"
            out.print(kept, markup=False)
        return
    small = broken.reduced
    violation = next(one for one in broken.found.violations if one.invariant == small.invariant)
    out.print(f"{violation.invariant}: {violation.message}", markup=False, style="red")
    out.print(f"  {violation.evidence}", markup=False, style="dim")
    out.print(f"found in run {broken.found.trial.number}: {broken.found.trial}; {tally}", markup=False)
    out.print(f"{_sizes(broken)}; {small.runs} runs, {small.elapsed_s:.1f} s", markup=False)
    out.print(f"written: {broken.path}" if broken.path else f"not written: {broken.unwritten}", markup=False)
    out.print(f"\n{terminal.styled(Verdict.FAILED)}")
    out.print(f"again: {broken.replay}", markup=False)


def _counts(tally: Tally) -> str:
    return f"{tally.again} played twice, the same; {tally.unfired} with a fault that never fired"


def _sizes(broken: Broken) -> str:
    """From what to what it was made smaller."""
    before, after = broken.found.trial.scenario, broken.reduced.scenario
    held = len(broken.found.played.schedule.holds)
    return (
        f"made smaller: {_counted(before)} -> {_counted(after)}, "
        f"{held} -> {broken.reduced.deviations} deviations of the schedule"
    )


def _counted(scenario: Scenario) -> str:
    return f"{len(scenario.steps)} steps and {len(scenario.faults)} faults"


def _body(tally: Tally, broken: Broken | None) -> dict[str, object]:
    """The part of the document that is the exploration's own."""
    body: dict[str, object] = {
        "runs": tally.runs,
        "schedules": len(tally.schedules),
        "played_twice": tally.again,
        "invalid": dict(tally.refused),
        "elapsed_s": round(tally.elapsed_s, 3),
        "found": None,
    }
    if broken is not None:
        body["found"] = {
            "run": broken.found.trial.number,
            "scenario": broken.found.trial.scenario.name,
            "seed": broken.found.trial.seed,
            "policy": broken.found.trial.policy,
            "invariant": broken.reduced.invariant,
            "violations": [
                {"invariant": one.invariant, "message": one.message, "evidence": one.evidence}
                for one in broken.found.violations
            ],
            "file": None if broken.path is None else str(broken.path),
            "deviations": broken.reduced.deviations,
        }
    return body
