"""What `shakeout matrix` can play beside the matrix: clean runs by the thousand, and two defects at once."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.markup import escape

from harness import library
from harness.commands.common import out, progress, wait_for
from harness.commands.matrix_names import again, found
from harness.commands.matrix_report import counted, show_folded
from harness.errors import UsageError
from harness.matrix import How, placed
from harness.matrix.both import Both, both
from harness.matrix.controls import Controls, controls
from harness.reports import json_file, terminal
from harness.runner import SEED, Options, opened, played
from harness.scenario import Scenario
from harness.sweep import Plan, Trial, armed, planned, settled
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
    quiet: bool

    @property
    def seed(self) -> int:
        """The seed of the first run."""
        return SEED if self.options.seed is None else self.options.seed


def _whole(name: str) -> str:
    """A name that was given, as a replay from any folder must have it."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def play_controls(asked: Asked, runs: int) -> Verdict:
    """Play clean runs over the scenarios named, or over all and every fault on its drill; tell of the alarms."""
    scenarios, elsewhere = _named(asked) if asked.names else _all(asked)
    with progress("starting", quiet=asked.quiet) as say:
        done = wait_for(controls(scenarios, asked.options, runs, replace(asked.how, say=say)))
    words = [*map(_whole, asked.names), "--controls", str(runs)]
    replay = again((), asked.options, asked.how, words)
    if not asked.quiet:
        _show_controls(done, asked, elsewhere, replay)
    if asked.json is not None:
        head = json_file.document("controls", done.verdict, replay, seed=asked.seed)
        json_file.write(asked.json, {**head, **_controls_body(done), "not_applicable": dict(elsewhere)})
    return done.verdict


def _named(asked: Asked) -> tuple[list[Scenario], Mapping[str, str]]:
    """The scenarios that are named, and the faults that are named as the alarms name them, `DRILL: FAULT`."""
    faults = [name for name in asked.names if ": " in name]
    wanted = [name for name in asked.names if name not in faults]
    trials = {_drilled(trial).name: _drilled(trial) for trial in _plan(asked).trials} if faults else {}
    if unknown := [name for name in faults if name not in trials]:
        raise UsageError(f"{unknown[0]}: no such fault on its drill in {asked.options.stage}; leave it out")
    scenarios = found(wanted, asked.options.profile) if wanted else ()
    given = placed(scenarios, asked.how.stages[:1], asked.options.profile) if scenarios else None
    listed = [*(given.scenarios if given else ()), *(trials[name] for name in dict.fromkeys(faults))]
    return listed, given.elsewhere if given else {}


def _all(asked: Asked) -> tuple[list[Scenario], Mapping[str, str]]:
    """Every scenario, and each fault on its drill, as far as the target can carry them; why it cannot, of the others."""
    profile = asked.options.profile
    given = placed(library.find([]), asked.how.stages[:1], profile)
    with progress("the drills without a fault", quiet=asked.quiet):
        plan = wait_for(_settled(_plan(asked), asked.options))
    faults = [_drilled(trial) for trial in plan.trials]
    return [*given.scenarios, *faults], {**given.elsewhere, **plan.not_applicable}


def _plan(asked: Asked) -> Plan:
    """Each fault that the target can be put under, on its drill."""
    drills = {drill.name: drill for drill in library.find(["drills"])}
    return planned(asked.options.profile, asked.options.stage, drills, [])


def _drilled(trial: Trial) -> Scenario:
    """One fault on its drill, by the name of both."""
    return replace(armed(trial), name=f"{trial.drill.name}: {trial.label}")


async def _settled(plan: Plan, chosen: Options) -> Plan:
    """The plan without the faults for which the target has nothing, as the drills show when there is no fault."""
    drills = {trial.drill.name: trial.drill for trial in plan.trials}
    async with opened(chosen) as play:
        arms = [await played(play, drill, chosen, arm="control", wired=()) for drill in drills.values()]
    return settled(plan, chosen.profile, [arm.history for arm in arms])


def _show_controls(done: Controls, asked: Asked, elsewhere: Mapping[str, str], replay: str) -> None:
    """Each alarm with how to play it again, what was left out, then the count with its bound."""
    for alarm in done.alarms[:SHOWN_MAX]:
        first = alarm.violations[0]
        out.print(f"[bold red]alarm[/] {escape(alarm.scenario)}, seed {alarm.seed}: {first.invariant}")
        out.print(f"  {escape(first.message)}\n  {escape(first.evidence)}", style="dim")
        out.print(f"  again: {escape(alarm.replay)}")
    for reason in done.silent[:SHOWN_MAX]:
        out.print(f"says nothing: {escape(reason)}", style="dim")
    for name, reason in sorted(elsewhere.items()):
        out.print(f"not applicable: {escape(name)}: {escape(reason)}", style="dim")
    out.print(
        f"\n{terminal.styled(done.verdict)}: {counted(len(done.alarms), 'false alarm')} in "
        f"{counted(done.judged, 'clean run')} ({len(done.silent)} more say nothing), {done.different} of {done.given} "
        f"scenarios and faults, {asked.options.stage}, seed {asked.seed}: "
        f"at most {100 * done.share_max:.3g} % false alarms, at 95 %"
    )
    if done.verdict is not Verdict.PASSED:
        out.print(f"again: {escape(replay)}")


def _controls_body(done: Controls) -> dict[str, object]:
    """The part of the document that is that of the clean runs."""
    return {
        "runs": done.runs,
        "judged": done.judged,
        "different": done.different,
        "given": done.given,
        "share_max": done.share_max,
        "alarms": [dataclasses.asdict(alarm) for alarm in done.alarms],
        "silent": list(done.silent),
    }


def play_pairs(asked: Asked) -> Verdict:
    """Play two defects at once, each pair that can be; tell of those of which only one was seen."""
    scenarios = found(asked.names, asked.options.profile)
    with progress("starting", quiet=asked.quiet) as say:
        done = wait_for(both(scenarios, asked.options, replace(asked.how, say=say)))
    replay = again(scenarios if asked.names else (), asked.options, asked.how, ["--pairs"])
    if not asked.quiet:
        _show_pairs(done, replay)
    if asked.json is not None:
        head = json_file.document("pairs", done.verdict, replay, seed=asked.seed)
        listed = [
            {
                "pair": list(one.pair),
                "caught": list(one.caught),
                "missed": list(one.missed),
                "unclear": list(one.unclear),
                "alike": list(one.alike),
            }
            for one in done.pairs
        ]
        json_file.write(asked.json, {**head, "pairs": listed, "share": done.share, "left_out": done.left_out})
    return done.verdict


def _show_pairs(done: Both, replay: str) -> None:
    """The pairs of which one was missed, then the share of those that were seen whole."""
    hidden = [one for one in done.pairs if one.missed]
    rows = [
        (
            " and ".join(one.pair),
            ", ".join(one.missed),
            "what the other alone breaks" if one.alike else "nothing",
        )
        for one in hidden[:SHOWN_MAX]
    ]
    if rows:
        show_folded(out, ("pair", "not seen", "seen instead"), rows)
    if unclear := len(done.pairs) - len(done.judged):
        out.print(f"{counted(unclear, 'pair')} more: invalid or undecided, so that nothing can be said")
    if done.left_out:
        out.print(
            f"left out: {counted(done.left_out, 'pair')}: no scenario that is played here declares one of the two"
        )
    out.print(
        f"{terminal.styled(done.verdict)}: both seen in {len(done.judged) - len(hidden)} of {len(done.judged)} "
        f"pairs ({100 * done.share:.1f} %)"
    )
    if done.verdict is not Verdict.PASSED:
        out.print(f"again: {escape(replay)}")
