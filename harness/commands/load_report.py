"""What `shakeout load` shows and writes: the gates with their figures, latencies, and what a verdict would need."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.markup import escape

from harness.commands.common import out
from harness.errors import InvalidRun
from harness.gates.criteria import success_criteria
from harness.gates.criterion import Scope
from harness.gates.result import HEADINGS, Unit, figure
from harness.load.knee import Knee
from harness.load.needs import need, seconds
from harness.load.options import LoadOptions
from harness.load.phases import PHASE_S_MAX
from harness.load.report import LoadReport
from harness.redaction import configured
from harness.reports import json_file, junit, load_page, terminal
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where the result of a run is wanted."""

    json: Path | None
    junit: Path | None
    html: Path | None
    quiet: bool

    def __post_init__(self) -> None:
        """Refuse rules of redaction that cannot be used before anything is sent: the page will ask for them."""
        if self.html is not None:
            configured()

    def give(self, report: LoadReport) -> None:
        """Show the report, and write it where it is wanted."""
        if not self.quiet:
            show(report)
        writers: list[Callable[[], None]] = []
        if self.json is not None:
            writers.append(partial(json_file.write, self.json, report.to_json()))
        if self.junit is not None:
            writers.append(partial(junit.write, self.junit, cases(report)))
        if self.html is not None:
            writers.append(partial(load_page.write, self.html, report))
        lost = [error for write in writers if (error := _failed(write)) is not None]
        if lost:
            raise InvalidRun("; ".join(map(str, lost)))


def _failed(write: Callable[[], None]) -> InvalidRun | None:
    """Why something could not be written: what else is wanted is written all the same."""
    try:
        write()
    except InvalidRun as error:
        return error
    return None


def show(report: LoadReport) -> None:
    """The gates, then what the run says as a whole."""
    rows = [
        (escape(name), terminal.styled(Verdict(verdict)), *map(escape, rest))
        for name, verdict, *rest in report.rows()
    ]
    terminal.show_rows(out, HEADINGS, rows)
    latencies = ", ".join(
        f"p{quantile * 100:g} {latency_s * 1000:.4g} ({service_s * 1000:.4g})"
        for quantile, latency_s, service_s in report.percentiles()
    )
    if latencies:
        good = report.run.cells.within(Scope()).latency.count
        of = "" if good == report.requests else f" of the {good:,} that were answered with a 200"
        out.print(f"\nlatency in ms{of}, and of it service time: {latencies}", markup=False)
    for name, count in sorted(report.fired.items()):
        out.print(f"fired: {name} x{count:,}", markup=False)
    _left_out(report.unwitnessed)
    for note in (*report.notes, *(f"invalid: {reason}" for reason in report.reasons)):
        out.print(f"  {terminal.plain(note)}", markup=False)
    missing = f"; {report.missing:,} more requests are needed to decide" if report.missing else ""
    took = f"{report.requests:,} requests in {report.elapsed_s:.1f} s, {report.model}, seed {report.seed}"
    out.print(f"\n{terminal.styled(report.verdict)}: {escape(took)}{missing}")
    if report.verdict is not Verdict.PASSED:
        out.print(f"again: {report.replay}", markup=False)


def _left_out(unwitnessed: Sequence[str]) -> None:
    """The gates on a log that nobody reads, since the user said so."""
    for name in unwitnessed:
        out.print(f"not judged, by --without-log: {name}", markup=False)


def cases(report: LoadReport) -> list[junit.Case]:
    """A case a gate, and one for the run where it cannot be trusted; its gates share the time that the run took."""
    replay = f"replay: {report.replay}"
    share_s = report.elapsed_s / max(1, len(report.gates))
    found = [
        junit.Case(
            suite="gates",
            name=one.name,
            verdict=one.verdict,
            message=one.message,
            details=replay,
            elapsed_s=share_s,
        )
        for one in report.gates
    ]
    found += [
        junit.Case(
            suite="gates",
            name=name,
            verdict=Verdict.PASSED,
            message="left out by --without-log",
            details=replay,
            skipped=True,
        )
        for name in report.unwitnessed
    ]
    if report.reasons:
        details = "\n".join((*report.reasons, replay))
        found.append(
            junit.Case(
                suite="gates",
                name="validity",
                verdict=Verdict.INVALID,
                message=report.reasons[0],
                details=details,
            )
        )
    return found


def show_knee(knee: Knee, unwitnessed: Sequence[str]) -> None:
    """Each rate that was tried, then the gates that were left out with the log, and the answer."""
    rows = [
        (
            f"{step.rate_per_s:g}/s",
            terminal.styled(step.verdict),
            f"{step.requests:,}",
            "-" if step.p99_s is None else figure(step.p99_s, Unit.SECONDS),
            escape(step.reason),
        )
        for step in knee.steps
    ]
    terminal.show_rows(out, ("rate", "verdict", "requests", "p99", ""), rows)
    _left_out(unwitnessed)
    out.print(f"\n{terminal.styled(knee.verdict)}: {escape(knee.answer)}")


def show_plan(options: LoadOptions) -> None:
    """What each gate needs for a verdict, and after how long it has that where nothing is wrong."""
    criteria = options.asked or success_criteria(options.profile.contract)
    needs = [one for one in map(need, criteria) if one.once]
    # Phases that are given are all there is; any other run goes on for as long as its gates need.
    is_given = options.phases or options.scenario is not None
    phases = options.planned if is_given else (replace(options.planned[0], for_s=PHASE_S_MAX),)
    once_s = [seconds(one.once, phases, one.phase) for one in needs]
    watched_s = [seconds(one.watched, phases, one.phase) for one in needs]
    columns = {
        "gate": [escape(one.gate) for one in needs],
        "looked at once": [f"{one.once:,}" for one in needs],
        "after": [_after(one) for one in once_s],
        "until decided": [f"{one.watched:,}" for one in needs],
        "after ": [_after(one) for one in watched_s],
        "on average, at half of what is allowed": [f"{one.watched_mean:,}" for one in needs],
    }
    if options.users is not None:
        columns = {name: cells for name, cells in columns.items() if name.strip() != "after"}
    headings, rows = tuple(columns), list(zip(*columns.values(), strict=True))
    terminal.show_rows(out, headings, rows)
    out.print(f"\n{_planned(options, once_s, watched_s)}", markup=False)


def _planned(options: LoadOptions, once_s: Sequence[float], watched_s: Sequence[float]) -> str:
    """How long the run takes that all gates can decide, in a sentence."""
    if options.users is not None:
        return "users wait for their answers: how long that takes is the service's to say"
    if not once_s:
        return "its gates count, and estimate nothing: each run decides them"
    if math.inf in once_s:
        return "a phase has fewer requests than its gate needs, even without an error: make it longer"
    return f"without an error, {options.model}: {_after(max(once_s))}, and {_after(max(watched_s))} until decided"


def _after(time_s: float) -> str:
    return f"{time_s:.0f} s" if math.isfinite(time_s) else "never"
