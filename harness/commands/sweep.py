"""`shakeout sweep`: every fault that a target can be put under, judged by the universal invariants."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape

from harness import library
from harness.commands.aim import placed, resolve
from harness.commands.common import (
    AllowedHost,
    Defect,
    Histories,
    JsonFile,
    JunitFile,
    Loop,
    Quiet,
    Seed,
    Target,
    check_places,
    options,
    out,
    progress,
    wait_for,
)
from harness.commands.jobs import Jobs, at_a_time
from harness.reports import json_file, junit, terminal
from harness.runner import SEED, Options
from harness.sweep import Effort, Plan, Sweep, Swept, planned, sweep
from harness.verdict import ScenarioVerdict, Verdict

DRILLS = "drills"
ALIKE_MAX = 3
"""So many trials that break the same are told in full: a service with one mistake may fail under every fault."""
Faults = Annotated[
    list[str] | None, typer.Argument(help="Faults or planes (provider, store, ...); all by default.")
]
FailFast = Annotated[
    bool, typer.Option("--fail-fast", "-x", help="Begin nothing more after the first trial that fails.")
]
SweepStage = Annotated[
    str | None,
    typer.Option(
        "--stage", show_default="simulated where the target is an app, else live", help="simulated or live."
    ),
]


def command(
    faults: Faults = None,
    *,
    stage: SweepStage = None,
    seed: Seed = SEED,
    defect: Defect = None,
    target: Target = None,
    allow_host: AllowedHost = None,
    loop: Loop = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    history: Histories = None,
    jobs: Jobs = None,
    fail_fast: FailFast = False,
    quiet: Quiet = False,
) -> None:
    """Play every fault on the drills, and judge what the service makes of it."""
    check_places(json, junit_xml, history, read=[target])
    chosen_stage = stage or ("simulated" if resolve(target).app else "live")
    chosen = options(
        stage=chosen_stage,
        seed=seed,
        defects=defect,
        target=target,
        histories=history,
        allowed_host=allow_host,
        loop=loop,
    )
    drills = {drill.name: drill for drill in library.find([DRILLS])}
    plan = planned(chosen.profile, chosen.stage, drills, faults or [])
    effort = Effort(jobs=at_a_time(jobs, chosen), fail_fast=fail_fast)
    done = wait_for(_sweep(plan, chosen, effort, quiet=quiet))
    if not quiet:
        _show(done, chosen)
    if json is not None:
        json_file.write(json, _document(done, chosen, faults or []))
    if junit_xml is not None:
        junit.write(junit_xml, _cases(done))
    raise typer.Exit(done.verdict.exit_code)


async def _sweep(plan: Plan, chosen: Options, effort: Effort, *, quiet: bool) -> Sweep:
    """The drills without a fault, then every fault on its drill; each result goes by the name of its fault."""

    def found(one: Swept) -> None:
        first = one.result.violations[0]
        out.print(f"found: {escape(one.trial.label)}: {first.invariant}: {escape(first.message)}")

    with progress("starting", quiet=quiet) as say, placed(chosen.profile):
        done = await sweep(plan, chosen, replace(effort, say=say, found=effort.found if quiet else found))
    again = [replace(one, replay=_replay(chosen, [*plan.names])) for one in done.clean]
    return replace(done, clean=tuple(again), results=tuple(_named(one, chosen) for one in done.results))


def _named(one: Swept, chosen: Options) -> Swept:
    """The result under the drill's name and the fault's label, with the command that plays it again."""
    label = one.trial.label
    result = replace(one.result, name=f"{one.trial.drill.name}: {label}", replay=_replay(chosen, [label]))
    return replace(one, result=result)


def _replay(chosen: Options, names: list[str]) -> str:
    """The command that plays these faults again."""
    words = ["shakeout", "sweep", *names, "--stage", chosen.stage, "--seed", str(chosen.seed)]
    return " ".join(map(_quoted, [*words, *chosen.aimed]))


def _quoted(word: str) -> str:
    """A word for a shell; the quotes within a fault's label are left as they stand where double ones may go around."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def _show(done: Sweep, chosen: Options) -> None:
    """The table, worst first; then what went wrong, and what was not applicable."""
    order = [Verdict.FAILED, Verdict.INVALID, Verdict.UNDECIDED, Verdict.PASSED]
    rows = [("no fault", each) for each in done.clean]
    rows += [(each.trial.label, each.result) for each in done.results]
    rows.sort(key=lambda row: order.index(row[1].verdict))
    headings = ("fault", "drill", "verdict", "fired", "violations", "seconds")
    terminal.show_rows(out, headings, [_row(label, result) for label, result in rows])
    _show_wrong(rows)
    for name, reason in sorted(done.plan.not_applicable.items()):
        out.print(f"not applicable: {name}: {escape(reason)}", style="dim")
    if done.unplayed:
        out.print(f"not played: {len(done.unplayed)} ({_why_unplayed(done)})", style="dim")
    counts = Counter(result.verdict for _, result in rows)
    others = "".join(
        f", {counts[one]} {one}" for one in order[1:3] if counts[one] and one is not done.verdict
    )
    out.print(
        f"\n{terminal.styled(done.verdict)}: {counts[done.verdict]} of {len(rows)}{others} ({len(done.results)} faults, "
        f"{len(done.clean)} drills without one), {chosen.profile.shown}, {chosen.stage}, seed {chosen.seed}"
    )


def _show_wrong(rows: Sequence[tuple[str, ScenarioVerdict]]) -> None:
    """What went wrong: the first few of those that break the same, and of the others the names."""
    alike: dict[tuple[object, ...], list[tuple[str, ScenarioVerdict]]] = defaultdict(list)
    for label, result in rows:
        if result.verdict is not Verdict.PASSED:
            broken = sorted(result.invariants_violated) or list(result.reasons)
            alike[result.verdict, *broken].append((label, result))
    for (_, *reasons), same in alike.items():
        for _, result in same[:ALIKE_MAX]:
            terminal.show_wrong(out, result)
        if left := [label for label, _ in same[ALIKE_MAX:]]:
            told = f"{len(left)} more by the same ({', '.join(map(str, reasons))}): {', '.join(left)}"
            out.print(f"\n{escape(terminal.plain(told))}")


def _why_unplayed(done: Sweep) -> str:
    """Why trials of the plan were not begun."""
    if any(one.violations for one in done.clean):
        return "something fails without a fault"
    slow = [one.name for one in done.clean if one.verdict is Verdict.UNDECIDED]
    if slow:
        return f"the machine was too slow for {', '.join(slow)} without a fault; play it on an idle one, or with --jobs 1"
    return "fail-fast"


def _cases(done: Sweep) -> Iterator[junit.Case]:
    """A case a trial; what has nothing here to break is skipped, with the reason."""
    yield from map(junit.scenario_case, done.verdicts)
    for label, reason in sorted(done.plan.not_applicable.items()):
        yield junit.Case(
            suite="scenarios",
            name=label,
            verdict=Verdict.PASSED,
            message=f"not applicable: {reason}",
            details="",
            skipped=True,
        )


def _row(label: str, result: ScenarioVerdict) -> tuple[str, ...]:
    """One line of the table."""
    return (
        escape(label),
        result.name.partition(":")[0],
        terminal.styled(result.verdict),
        str(sum(result.faults_fired.values())) if result.faults_fired else "-",
        ", ".join(sorted(result.invariants_violated)) or "-",
        f"{result.elapsed_s:.1f}",
    )


def _document(done: Sweep, chosen: Options, names: list[str]) -> dict[str, object]:
    """The document of a done."""
    replay, profile = _replay(chosen, names), chosen.profile
    head = json_file.document(
        "sweep", done.verdict, replay, seed=chosen.seed, target=profile.name, stage=chosen.stage
    )
    faults = [
        {
            "name": each.trial.fault.name,
            "label": each.trial.label,
            "stage": chosen.stage,
            "drill": each.trial.drill.name,
            "fired": each.fired,
            "verdict": str(each.result.verdict),
        }
        for each in done.results
    ]
    listed = [json_file.scenario_document(one) for one in done.verdicts]
    return {
        **head,
        "faults": faults,
        "scenarios": listed,
        "not_played": list(done.unplayed),
        "not_applicable": dict(done.plan.not_applicable),
    }
