"""`shakeout judge`: a log, or a stored history, judged with no run at all."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from harness.commands.aim import named, resolve
from harness.commands.common import (
    JsonFile,
    JunitFile,
    Quiet,
    Target,
    check_places,
    interruptible,
    out,
    output,
    progress,
    seconds,
)
from harness.commands.judge_history import is_history, judge_history
from harness.commands.judge_log import Following, LogReport, judge_log
from harness.errors import InvalidRun, UsageError
from harness.gates.result import HEADINGS
from harness.redaction import Redactor, Words, configured
from harness.reports import json_file, junit, terminal
from harness.verdict import ScenarioVerdict, Verdict

TEMPLATES_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was judged, a log or a history, in every form that it is given in."""

    verdict: Verdict
    show: Callable[[], None]
    document: dict[str, Any]
    cases: list[junit.Case]


Log = Annotated[
    Path,
    typer.Argument(parser=output, metavar="FILE", help="A log, or what --history of run has written."),
]
Baseline = Annotated[
    Path | None,
    typer.Option(parser=output, metavar="OLD", help="The log of the time before: what became worse fails."),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Read on while the log is written, until the error rate is decided.")
]
Without = Annotated[
    list[str] | None,
    typer.Option(metavar="GATE", help="Leave out the gates whose name begins so: latency. More than once."),
]
Duration = Annotated[str | None, typer.Option("--for", help="Follow no longer than this: 90s, 5m, 1h.")]


def command(
    file: Log,
    *,
    baseline: Baseline = None,
    follow: Follow = False,
    duration: Duration = None,
    without: Without = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    quiet: Quiet = False,
) -> None:
    """Judge a log, or a history of `run`, without a run: the monitoring plan as gates, with exact bounds."""
    check_places(json, junit_xml, None, read=[file, baseline, target])
    stored = is_history(file)
    left_out = without or []
    _check(stored=stored, baseline=baseline, follow=follow, duration=duration, without=left_out)
    replay = _replay(file, baseline, target, follow=follow, duration=duration, without=left_out)

    def give(judged: Judged) -> None:
        _give(judged, json, junit_xml, quiet=quiet)

    with interruptible(), progress("reading", quiet=quiet) as say:
        if stored:
            judged = _of_history(judge_history(file, replay))
        elif follow:
            for_s = None if duration is None else seconds(duration)
            judged = _followed(Following(file, resolve(target), for_s), replay, say, give)
        else:
            judged = _of_log(judge_log(file, resolve(target), baseline, say, left_out), replay)
    give(judged)
    raise typer.Exit(judged.verdict.exit_code)


def _replay(
    file: Path,
    baseline: Path | None,
    target: str | None,
    *,
    follow: bool,
    duration: str | None,
    without: Sequence[str],
) -> str:
    """The command that judges this again."""
    words = ["shakeout", "judge", str(file)]
    words += ["--baseline", str(baseline)] if baseline else []
    words += ["--follow"] if follow else []
    words += ["--for", duration] if duration else []
    words += [word for gate in without for word in ("--without", gate)]
    words += ["--target", named(target)] if named(target) else []
    return shlex.join(words)


def _check(
    *, stored: bool, baseline: Path | None, follow: bool, duration: str | None, without: Sequence[str]
) -> None:
    """Refuse what does not go together.

    Raises:
        UsageError: an option is for another kind of file, or belongs to one that is missing.
    """
    if stored and (baseline is not None or follow):
        raise UsageError(
            "this file is a stored history, and --baseline and --follow are for logs: leave them out"
        )
    if follow and baseline is not None:
        raise UsageError("--baseline compares whole logs: leave --follow out")
    if without and (stored or follow):
        raise UsageError("--without is for the gates on a whole log: leave it out")
    if duration is not None and not follow:
        raise UsageError("--for says how long to follow: give --follow, too")


def _followed(
    following: Following, replay: str, say: Callable[[str], None], give: Callable[[Judged], None]
) -> Judged:
    """Follow to the end; Ctrl-C gives what was seen until then."""
    seen: Judged | None = None
    try:
        following.watch(say)
    except KeyboardInterrupt:
        with suppress(InvalidRun):  # no line of the service came yet: there is nothing to give
            seen = _of_log(following.report("interrupted"), replay)
        if seen is not None:
            give(seen)
        raise
    return _of_log(following.report("the time was over"), replay)


def _give(judged: Judged, json: Path | None, junit_xml: Path | None, *, quiet: bool) -> None:
    """Show the judgement, and write it where it is wanted."""
    if not quiet:
        judged.show()
    if json is not None:
        json_file.write(json, judged.document)
    if junit_xml is not None:
        junit.write(junit_xml, judged.cases)


def _of_history(result: ScenarioVerdict) -> Judged:
    """A history, with the table of one scenario."""
    listed = [json_file.scenario_document(result)]
    return Judged(
        verdict=result.verdict,
        show=lambda: terminal.show_run(out, [result]),
        document=json_file.document("judge", result.verdict, result.replay, scenarios=listed),
        cases=[junit.scenario_case(result)],
    )


def _of_log(report: LogReport, replay: str) -> Judged:
    """A log, with its table of gates; what is quoted of it shows names and the words of the contract, nothing else."""
    words = Words()
    words.learn(str(report.counts.contract))
    redactor = Redactor(configured())
    only = redactor.only(words)
    report = replace(report, redact=redactor.text, quote=only.text, evidence=only.line)
    return Judged(
        verdict=report.verdict,
        show=lambda: _show_log(report),
        document=report.to_json(replay),
        cases=_cases(report, replay),
    )


def _show_log(report: LogReport) -> None:
    """The gates, then what they rest on, and what the log says as a whole."""
    rows = [(name, terminal.styled(Verdict(verdict)), *rest) for name, verdict, *rest in _rows(report)]
    terminal.show_rows(out, HEADINGS, rows)
    for gate in report.quoted:
        if gate.evidence:
            _show_line(f"{gate.name}, the first: {gate.evidence}")
    for assumption in report.assumptions:
        _show_line(f"assumed: {assumption}")
    for doubt in report.doubts:
        _show_line(f"doubtful: {doubt}")
    for template in report.templates[:TEMPLATES_SHOWN_MAX]:
        _show_line(f"unknown x {template.count:,}, first in line {template.line}: {template.text}")
    left = f"; {report.unfinished} before it was decided" if report.unfinished else ""
    out.print(f"\n{terminal.styled(report.verdict)}: {report.read}{left}")


def _show_line(text: str) -> None:
    """A line of its own; what it quotes of a log does not reach the terminal but as letters."""
    out.print(f"  {terminal.plain(text)}", markup=False)


def _rows(report: LogReport) -> list[tuple[str, ...]]:
    """The gates as cells; a line of a log may hold whatever looks like markup, or moves the cursor."""
    return [tuple(escape(terminal.plain(cell)) for cell in gate.cells()) for gate in report.quoted]


def _cases(report: LogReport, replay: str) -> list[junit.Case]:
    """A case a gate."""
    details = [*report.assumptions, *report.reading.doubts, f"replay: {replay}"]
    return [
        junit.Case(
            suite="gates",
            name=gate.name,
            verdict=gate.verdict,
            message=gate.message,
            details="\n".join(filter(None, (gate.evidence, *details))),
        )
        for gate in report.quoted
    ]
