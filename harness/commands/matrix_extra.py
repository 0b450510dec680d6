"""What `shakeout matrix` can play beside the matrix: clean runs by the thousand, and two defects at once."""

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path

from rich.markup import escape

from harness import library
from harness.commands.common import out, progress, wait_for
from harness.errors import UsageError
from harness.matrix import How
from harness.matrix.both import Both, both
from harness.matrix.controls import Controls, controls
from harness.reports import json_file, terminal
from harness.runner import Options
from harness.scenario import Scenario
from harness.sweep import armed, planned
from harness.verdict import Verdict

SHOWN_MAX = 10
"""How many alarms, pairs or silent runs are shown; all are in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be played, how, and where it is to be told."""

    names: list[str]
    options: Options
    how: How
    json: Path | None
    replay: str
    quiet: bool


def play_controls(asked: Asked, runs: int) -> Verdict:
    """Play clean runs over the scenarios named, or over all and every fault on its drill; tell of the alarms."""
    scenarios = _clean(asked.names, asked.options)
    with progress("starting", quiet=asked.quiet) as say:
        done = wait_for(controls(scenarios, asked.options, runs, replace(asked.how, say=say)))
    if not asked.quiet:
        _show_controls(done, asked.options)
    if asked.json is not None:
        head = json_file.document("controls", done.verdict, f"{asked.replay} --controls {runs}")
        json_file.write(asked.json, {**head, "seed": asked.options.seed or 0, **_controls_body(done)})
    return done.verdict


def _clean(names: list[str], chosen: Options) -> list[Scenario]:
    """The scenarios that are played clean: those named; else all, and each fault that fits the target on its drill."""
    found = [one for one in library.find(names) if chosen.stage in one.stages]
    if not names:
        drills = {drill.name: drill for drill in library.find(["drills"])}
        plan = planned(chosen.profile, chosen.stage, drills, [])
        found += [replace(armed(trial), name=f"{trial.drill.name}: {trial.label}") for trial in plan.trials]
    if not found:
        raise UsageError(f"nothing to play in {chosen.stage}: name a scenario that it can carry")
    return found


def _show_controls(done: Controls, chosen: Options) -> None:
    """Each alarm with how to play it again, then the count with its bound."""
    for alarm in done.alarms[:SHOWN_MAX]:
        first = alarm.violations[0]
        out.print(f"[bold red]alarm[/] {escape(alarm.scenario)}, seed {alarm.seed}: {first.invariant}")
        out.print(f"  {escape(first.message)}\n  {escape(first.evidence)}", style="dim")
    for reason in done.silent[:SHOWN_MAX]:
        out.print(f"says nothing: {escape(reason)}", style="dim")
    out.print(
        f"{terminal.styled(done.verdict)}: {len(done.alarms)} alarms in {done.judged} clean runs "
        f"({len(done.silent)} more say nothing), {chosen.stage}: "
        f"at most {100 * done.share_max:.3g} % false alarms, at 95 %"
    )


def _controls_body(done: Controls) -> dict[str, object]:
    """The part of the document that is that of the clean runs."""
    return {
        "runs": done.runs,
        "judged": done.judged,
        "share_max": done.share_max,
        "alarms": [dataclasses.asdict(alarm) for alarm in done.alarms],
        "silent": list(done.silent),
    }


def play_pairs(asked: Asked) -> Verdict:
    """Play two defects at once, each pair that can be; tell of those of which only one was seen."""
    scenarios = library.find(asked.names)
    with progress("starting", quiet=asked.quiet) as say:
        done = wait_for(both(scenarios, asked.options, replace(asked.how, say=say)))
    if not asked.quiet:
        _show_pairs(done)
    if asked.json is not None:
        head = json_file.document("pairs", done.verdict, f"{asked.replay} --pairs")
        listed = [
            {"pair": list(one.pair), "caught": list(one.caught), "missed": list(one.missed)}
            for one in done.pairs
        ]
        json_file.write(asked.json, {**head, "pairs": listed, "share": done.share})
    return done.verdict


def _show_pairs(done: Both) -> None:
    """The pairs of which one was missed, then the share of those that were seen whole."""
    hidden = [one for one in done.pairs if one.missed]
    rows = [(" and ".join(one.pair), ", ".join(one.missed)) for one in hidden[:SHOWN_MAX]]
    if rows:
        terminal.show_rows(out, ("pair", "not seen"), rows)
    out.print(
        f"{terminal.styled(done.verdict)}: both seen in {len(done.pairs) - len(hidden)} of {len(done.pairs)} "
        f"pairs ({100 * done.share:.1f} %)"
    )
