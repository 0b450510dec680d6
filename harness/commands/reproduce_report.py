"""What `shakeout reproduce` shows and writes: causes, evidence, assumptions, and what stays unexplained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from harness.commands.common import out
from harness.history import LogRecord
from harness.incidents.diagnose import Cause
from harness.incidents.found import evidence
from harness.incidents.hunt import Hunted
from harness.incidents.shown import Shown
from harness.incidents.written import Proof
from harness.reports import incident, json_file, terminal
from harness.runner import Options
from harness.verdict import Verdict

REPRODUCED = "reproduced"
"""The verdict of a search that found a scenario which fails so; of any other it is `undecided`."""

CAUSES_MAX = 5
LISTED_MAX = 5
TRAITS_MAX = 50
"""So many traits stand in a list of the document; of the rest there is the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that came of a search. `path` is the file that was seen to fail, `replay` the command that runs it.

    `proof` is the run in which it failed, `again` the command that searches again.
    """

    hunted: Hunted
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    path: Path | None = None
    replay: str = ""
    again: str = ""
    proof: Proof | None = None
    elapsed_s: float = 0.0

    @property
    def verdict(self) -> str:
        """The verdict of the search."""
        return REPRODUCED if self.path is not None else str(Verdict.UNDECIDED)

    @property
    def exit_code(self) -> int:
        """0 where a written scenario fails as the service did, else 4."""
        return 0 if self.path is not None else Verdict.UNDECIDED.exit_code

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Those whose runs failed, the nearest first; the one that was written first of all."""
        found = self.hunted.diagnosis.causes
        first = [self.hunted.cause] if self.hunted.cause is not None else []
        return (*first, *(one for one in found if one not in first))

    @property
    def unexplained(self) -> tuple[str, ...]:
        """What is odd in the log, and not in the run of the nearest."""
        if self.hunted.small is not None:
            return self.hunted.small.unexplained
        diagnosis = self.hunted.diagnosis
        return self.causes[0].lacks if self.causes and diagnosis.odd else diagnosis.odd


def show(report: Report, shown: Shown) -> None:
    """The causes, the lines that show them, and the file."""
    rows = [_row(cause) for cause in report.causes[:CAUSES_MAX]]
    terminal.show_rows(out, ("cause", "scenario", "distance", "shares", "broken"), rows)
    _listed("evidence", [*map(shown.log.line, evidence(report.hunted.diagnosis, report.hunted.cause))])
    _listed("assumed", shown.ours.lines(report.assumptions))
    _listed("not explained", shown.log.lines(report.unexplained))
    _listed("note", shown.ours.lines(report.notes))
    small = report.hunted.small
    if report.path is None or small is None:
        nearest = report.causes[0] if report.causes else None
        far = shown.log.text(str(nearest.distance)) if nearest else ""
        miss = f"nearest: {nearest.suspect.label} at {far}" if nearest else "nothing failed"
        told = escape(terminal.plain(miss))
        out.print(f"\n{terminal.styled(Verdict.UNDECIDED)}: nothing reproduces it; {told}")
        _say(f"again: {report.again}")
        return
    _say(f"written: {report.path} ({small.runs} runs to make it smaller)")
    left = f"{len(small.unexplained)} traits of the log not explained; " if small.unexplained else ""
    silent = "" if report.causes[0].distance.shares else ", though the log shows no failure of its own"
    out.print(
        f"\n[{terminal.STYLES[Verdict.PASSED]}]{REPRODUCED}[/]{silent}: {escape(report.causes[0].suspect.name)}: "
        f"{small.invariant}; {left}{report.hunted.diagnosis.played} tried, {report.elapsed_s:.0f} s"
    )
    _say(f"again: {report.replay}")


def _say(line: str, style: str | None = None) -> None:
    """One line; what a terminal would act on is spelled out, for it may be of somebody's log."""
    out.print(terminal.plain(line), markup=False, style=style)


def _row(cause: Cause) -> tuple[str, ...]:
    """One line of the table."""
    suspect = cause.suspect
    return (
        escape(suspect.name),
        suspect.scenario.name,
        f"{cause.distance.value:.2f}",
        f"{len(cause.distance.shares)} of {len(cause.distance.shares) + len(cause.distance.lacks)}",
        cause.tried.violation.invariant,
    )


def _listed(heading: str, items: Sequence[str]) -> None:
    """So many items, each behind its heading."""
    for item in items[:LISTED_MAX]:
        _say(f"{heading}: {item}", "dim")
    if len(items) > LISTED_MAX:
        _say(f"{heading}: {len(items) - LISTED_MAX} more", "dim")


def telling(report: Report, log: Iterable[LogRecord]) -> tuple[LogRecord, ...]:
    """The lines of the log that show what the search went by; for them it is read once more.

    Raises:
        UsageError: it cannot be read any more.
    """
    diagnosis = report.hunted.diagnosis
    shown = {one.line for trait in diagnosis.said for one in diagnosis.incident.examples.get(trait, ())}
    return tuple(record for record in log if record.line in shown)


def write_page(path: Path, report: Report, records: tuple[LogRecord, ...], shown: Shown) -> None:
    """The page of the search: the lines of the log that tell, and the run that failed beside its control.

    Raises:
        InvalidRun: it cannot be written.
    """
    proof = report.proof
    unexplained = report.unexplained
    more = len(unexplained) - TRAITS_MAX
    log = incident.Section(
        title="the log",
        verdict=report.verdict,
        records=shown.log.records(records),
        notes=(
            *report.assumptions,
            *(f"not explained: {trait}" for trait in shown.log.lines(unexplained[:TRAITS_MAX])),
            *([f"not explained: {more} more"] if more > 0 else []),
            *report.notes,
        ),
    )
    played = [] if proof is None else incident.sections(proof.result, proof.histories)
    replay = report.replay or report.again
    title = f"an incident: {report.causes[0].suspect.name}" if proof is not None else "an incident"
    incident.write(
        path, title=title, verdict=report.verdict, sections=[log, *played], redactor=shown.ours, replay=replay
    )


def document(report: Report, chosen: Options, shown: Shown) -> dict[str, Any]:
    """The document of the search; what is of the log is redacted."""
    replay = report.replay or report.again
    head = json_file.document(
        "reproduce", Verdict.UNDECIDED, replay, seed=chosen.seed, target=chosen.profile.name
    )
    diagnosis, small = report.hunted.diagnosis, report.hunted.small
    reproduced = report.path is not None
    return {
        **head,
        "verdict": report.verdict,
        "file": str(report.path) if reproduced else None,
        "invariant": small.invariant if reproduced and small is not None else None,
        "causes": [_cause(cause, shown) for cause in report.causes],
        "evidence": [*map(shown.log.line, evidence(diagnosis, report.hunted.cause))],
        "assumptions": shown.ours.lines(report.assumptions),
        **_traits("unexplained", report.unexplained, shown),
        "notes": shown.ours.lines(report.notes),
        "played": diagnosis.played,
        "requests": diagnosis.incident.threads,
        "elapsed_s": round(report.elapsed_s, 3),
    }


def _cause(cause: Cause, shown: Shown) -> dict[str, Any]:
    """One cause as it stands in `causes[]`."""
    return {
        "name": cause.suspect.name,
        "distance": round(cause.distance.value, 3),
        "scenario": cause.suspect.scenario.name,
        "stage": cause.suspect.stage,
        "invariant": cause.tried.violation.invariant,
        **_traits("shares", cause.distance.shares, shown),
        **_traits("lacks", cause.distance.lacks, shown),
        **_traits("beyond", cause.distance.beyond, shown),
    }


def _traits(name: str, traits: Sequence[str], shown: Shown) -> dict[str, Any]:
    """A list of the document, the weightiest first, and how many there are beyond it."""
    more = {f"{name}_more": len(traits) - TRAITS_MAX} if len(traits) > TRAITS_MAX else {}
    return {name: shown.log.lines(traits[:TRAITS_MAX]), **more}
