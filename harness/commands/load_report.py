"""What `shakeout load` shows and writes: the gates with their figures, latencies, and what a verdict would need."""

from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from harness.commands.common import out
from harness.gates.criteria import success_criteria
from harness.gates.result import HEADINGS, Unit, figure
from harness.load.knee import Knee
from harness.load.needs import need, seconds
from harness.load.options import LoadOptions
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
        if self.json is not None:
            json_file.write(self.json, report.to_json())
        if self.junit is not None:
            junit.write(self.junit, cases(report))
        if self.html is not None:
            load_page.write(self.html, report)


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
        out.print(f"\nlatency in ms, and of it service time: {latencies}", markup=False)
    for name, count in sorted(report.fired.items()):
        out.print(f"fired: {name} x{count:,}", markup=False)
    for name in report.unwitnessed:
        out.print(f"not judged, as there is no log: {name}", markup=False)
    for note in (*report.notes, *(f"invalid: {reason}" for reason in report.reasons)):
        out.print(f"  {terminal.plain(note)}", markup=False)
    missing = f"; {report.missing:,} more requests are needed to decide" if report.missing else ""
    took = f"{report.requests:,} requests in {report.elapsed_s:.1f} s, {report.model}, seed {report.seed}"
    out.print(f"\n{terminal.styled(report.verdict)}: {escape(took)}{missing}")
    if report.verdict is not Verdict.PASSED:
        out.print(f"again: {report.replay}", markup=False)


def cases(report: LoadReport) -> list[junit.Case]:
    """A case a gate, and one for the run where it cannot be trusted."""
    replay = f"replay: {report.replay}"
    found = [
        junit.Case(suite="gates", name=one.name, verdict=one.verdict, message=one.message, details=replay)
        for one in report.gates
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


def show_knee(knee: Knee) -> None:
    """Each rate that was tried, then the answer."""
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
    out.print(f"\n{terminal.styled(knee.verdict)}: {escape(knee.answer)}")


def show_plan(options: LoadOptions) -> None:
    """What each gate needs for a verdict, and how long that takes at the rate of the run."""
    criteria = options.gates or success_criteria(options.profile.contract)
    needs = [need(one) for one in criteria]
    rows = [
        (escape(one.gate), f"{one.once:,}", f"{one.watched:,}", f"{one.watched_mean:,}")
        for one in needs
        if one.once
    ]
    headings = ("gate", "requests, looked at once", "until decided", "on average, at half of what is allowed")
    terminal.show_rows(out, headings, rows)
    rate = sum(phase.due for phase in options.planned) / sum(phase.for_s for phase in options.planned)
    once_s, watched_s = (seconds(needs, rate, watched=watched) for watched in (False, True))
    out.print(
        f"\nwithout an error, at {rate:g} requests a second: {once_s:.0f} s, "
        f"and {watched_s:.0f} s until decided"
    )
