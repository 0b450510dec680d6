"""`shakeout reproduce`: the log of an incident, and from it a scenario that fails as the service did."""

import re
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness import library
from harness.commands.aim import placed, resolve
from harness.commands.common import (
    HtmlFile,
    JsonFile,
    Quiet,
    Seed,
    Target,
    check_places,
    interruptible,
    options,
    output,
    progress,
    seconds,
    wait_for,
)
from harness.commands.explore import WriteTo
from harness.commands.jobs import Jobs, at_a_time
from harness.commands.reproduce_report import Report, document, show, telling, write_page
from harness.commands.scenario_file import check_scenario_place, free_name
from harness.errors import InvalidRun, UsageError
from harness.history import LogRecord
from harness.incidents.found import assumptions, strange, told
from harness.incidents.hunt import How, Hunt, Hunted
from harness.incidents.shown import Shown
from harness.incidents.signature import Signature
from harness.incidents.written import written
from harness.logs import Reading, read
from harness.redaction import Rules, configured
from harness.reports import json_file
from harness.runner import SEED, Options

FOR = "60s"
INCIDENTS, DRILLS = "incidents", "drills"

Log = Annotated[
    Path, typer.Argument(parser=output, metavar="LOG", help="The log of the incident, or an excerpt of it.")
]
For = Annotated[
    str,
    typer.Option(
        "--for",
        help="Search no longer than this: 90s, 5m, 1h. What is found is then played again, and run as a file.",
    ),
]
Input = Annotated[
    str | None, typer.Option("--input", help="What the user wrote: the log does not hold it.", metavar="TEXT")
]
Stages = Annotated[
    str | None,
    typer.Option("--stage", show_default="simulated, then live", help="simulated or live."),
]


def command(
    log: Log,
    *,
    write_to: WriteTo = None,
    text: Input = None,
    duration: For = FOR,
    jobs: Jobs = None,
    seed: Seed = SEED,
    stage: Stages = None,
    target: Target = None,
    json: JsonFile = None,
    html: HtmlFile = None,
    quiet: Quiet = False,
) -> None:
    """Search for what wrote this log; ends with 0 and a scenario file that fails so, or with 4 and the nearest miss."""
    began = time.monotonic()
    check_places(json, None, None, html, write_to=write_to, read=[log, target])
    _check(log, write_to, html)
    stages = _stages(stage, target)
    chosen = options(stage=stages[0], seed=seed, defects=None, target=target, histories=None)
    shown = Shown(_rules(text))
    how = _how(stages, duration, at_a_time(jobs, chosen), text, shown)
    with progress(f"reading {log}", quiet=quiet) as say:
        reading = read(log)
        with interruptible():
            incident = _signature(reading, chosen, shown)
        with placed(chosen.profile):
            report = wait_for(_report(incident, chosen, replace(how, say=say), write_to, shown))
    report = replace(
        report,
        again=_again(log, chosen, place=write_to, is_given=text is not None, duration=duration, stage=stage),
        notes=(*reading.doubts, *report.notes),
        elapsed_s=time.monotonic() - began,
    )
    report, records = (report, ()) if html is None else _read_again(report, reading)
    if not quiet:
        show(report, shown)
    _write(report, chosen, records, shown, json=json, html=html)
    raise typer.Exit(report.exit_code)


def _write(
    report: Report,
    chosen: Options,
    records: tuple[LogRecord, ...],
    shown: Shown,
    *,
    json: Path | None,
    html: Path | None,
) -> None:
    """Write the document and the page, where they are wanted."""
    if json is not None:
        json_file.write(json, document(report, chosen, shown))
    if html is not None:
        write_page(html, report, records, shown)


def _read_again(report: Report, reading: Reading) -> tuple[Report, tuple[LogRecord, ...]]:
    """The lines that the page shows; where the log has gone meanwhile there are none, and a note says so."""
    try:
        return report, telling(report, reading)
    except UsageError as error:  # what was found is worth more than the lines
        return replace(report, notes=(*report.notes, f"the page shows no line of the log: {error}")), ()


def _how(stages: tuple[str, ...], duration: str, jobs: int, text: str | None, shown: Shown) -> How:
    """How it is searched.

    Raises:
        UsageError: there is no time for it.
    """
    if (for_s := seconds(duration)) <= 0:
        raise UsageError(f"--for {duration}: must be above 0, such as {FOR}")
    return How(
        stages=stages,
        for_s=for_s,
        jobs=jobs,
        scenarios=library.find([INCIDENTS]),
        drills={drill.name: drill for drill in library.find([DRILLS])},
        text=text,
        read=shown.read_run,
    )


def _stages(stage: str | None, target: str | None) -> tuple[str, ...]:
    """The stages in which it is searched: the cheaper one first, where the target can be held in it."""
    if stage is not None:
        return (stage,)
    return ("simulated", "live") if resolve(target).app else ("live",)


def _check(log: Path, write_to: Path | None, html: Path | None) -> None:
    """Refuse, before anything is played, a place for the scenario, or a log that a page would have to read twice.

    Raises:
        UsageError: nothing can be written there, or the log is a pipe, or another thing that is read once.
    """
    check_scenario_place(write_to)
    if html is not None and log.exists() and not (log.is_file() or log.is_dir()):
        raise UsageError(f"{log}: can be read only once, and --html reads it twice; give a file")


def _rules(text: str | None) -> Rules:
    """What is redacted: what the user's pyproject says, and the message that was given, wherever something quotes it.

    Raises:
        UsageError: what the pyproject says cannot be used.
    """
    rules = configured()
    if text is None or not text.strip():
        return rules
    given = re.compile(rf"(?<!\w){re.escape(text.strip())}(?!\w)")
    return replace(rules, patterns=(given, *rules.patterns))


def _signature(reading: Reading, chosen: Options, shown: Shown) -> Signature:
    """What the log says.

    Raises:
        UsageError: it is empty, no text, or says nothing that could be searched for.
    """
    incident = shown.read_log(reading, chosen.profile.contract)
    if not incident.traits:
        raise UsageError(f"{reading.path}: no line of it says anything; give the log of the service")
    return incident


async def _report(incident: Signature, chosen: Options, how: How, place: Path | None, shown: Shown) -> Report:
    """Search, and write what was found; one that does not fail as a file is a miss like others."""
    hunted = await Hunt(incident, chosen, how).run()
    assumed = assumptions(hunted.diagnosis, hunted.cause, hunted.small, how.text)
    notes = (*strange(hunted.diagnosis, shown.log.text), *hunted.diagnosis.notes)
    report = Report(hunted=hunted, assumptions=assumed, notes=notes)
    if hunted.cause is None or hunted.small is None:
        return report
    how.say("running the written file")
    suspect = hunted.small.tried.suspect
    path = place or free_name(f"reproduced_{suspect.name}")
    afresh = replace(chosen, stage=suspect.stage, defects=suspect.defects)
    replay = replace(afresh, seed=None).replay(replace(suspect.seeded(chosen.seed), origin=as_word(path)))
    lines = told(hunted.diagnosis, hunted.cause, hunted.small, assumed=assumed, replay=replay, shown=shown)
    try:
        proof = await written(hunted.diagnosis, hunted.small, chosen, path, [*lines])
    except InvalidRun as error:
        return replace(report, hunted=Hunted(diagnosis=hunted.diagnosis), notes=(*notes, str(error)))
    return replace(report, path=path, replay=replay, proof=proof)


def as_word(path: Path) -> str:
    """A path as a command takes it: not for an option, whatever it begins with."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def _again(
    log: Path, chosen: Options, *, place: Path | None, is_given: bool, duration: str, stage: str | None
) -> str:
    """The command that searches like this again; of a message that was given it names no more than the option."""
    words = ["shakeout", "reproduce", as_word(log), "--for", duration, "--seed", str(chosen.seed)]
    words += ["--output", as_word(place)] if place is not None else []
    words += ["--input", "TEXT"] if is_given else []
    words += ["--stage", stage] if stage is not None else []
    return shlex.join([*words, *chosen.aimed])
