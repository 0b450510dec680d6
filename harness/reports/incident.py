"""The page of an incident: what happened on one axis of time, and where an invariant was violated.

One file without a network: its policy lets no script run but its own, so that nothing a log says can act on it.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.history import History, Record
from harness.redaction import Redactor
from harness.reports import html
from harness.reports.incident_items import Item, items, lanes
from harness.reports.incident_places import BY_CLOCK
from harness.reports.incident_violations import Places
from harness.verdict import ScenarioVerdict, Violation

_ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


SCRIPTS = ("incident.js", "incident_page.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One axis of time: the records of a run, or of a log. `notes` are said above it."""

    title: str
    verdict: str
    records: tuple[Record, ...]
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()


def sections(result: ScenarioVerdict, histories: Iterable[History]) -> list[Section]:
    """The sections of one scenario, one an arm; where no history was kept, one that says why."""
    found = [
        Section(
            title=f"{result.name}, {history.header.arm}",
            verdict=str(result.verdict) if history.header.arm == "faulted" else result.control,
            records=history.records,
            violations=tuple(one for one in result.violations if one.arm == history.header.arm),
            notes=(*(result.reasons if history.header.arm == "faulted" else ()), f"again: {result.replay}"),
        )
        for history in histories
    ]
    return found or [
        Section(
            title=result.name, verdict=str(result.verdict), records=(), notes=(*result.reasons, result.replay)
        )
    ]


def write(
    path: Path,
    *,
    title: str,
    verdict: str,
    sections: Sequence[Section],
    redactor: Redactor,
    replay: str = "",
) -> None:
    """Write the page; it appears whole or not at all. Secrets are redacted, by one redactor for all of it.

    Raises:
        InvalidRun: it cannot be written.
    """
    templates = resources.files("harness.reports").joinpath("templates")
    script = "".join(templates.joinpath(name).read_text("utf-8") for name in SCRIPTS)
    told = [_told(section, redactor) for section in sections]
    opened = next((number for number, one in enumerate(told) if one["violations"]), 0)
    html.write(
        path,
        "incident.html",
        title=_text(title, redactor),
        verdict=verdict,
        replay=_text(replay, redactor),
        sections=told,
        opened=opened,
        script=Markup(script),  # noqa: S704  # our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=embedded([one["chart"] for one in told]),
    )


def embedded(value: Any) -> Markup:
    """JSON that stands in a script element and cannot end it."""
    return Markup(json.dumps(value, separators=(",", ":")).translate(_ESCAPED))  # noqa: S704  # nothing of it is markup


def _told(section: Section, redactor: Redactor) -> dict[str, Any]:
    """A section as the template and the script read it. Violations are placed before anything is redacted."""
    originals = items(section.records)
    places = Places(originals)
    at = [places.of(violation.evidence) for violation in section.violations]
    shown = items(redactor.records(section.records))
    rows = lanes(shown)
    first = {one.invariant: number for number, one in reversed(list(enumerate(section.violations, start=1)))}
    violations = [
        {
            "number": number,
            "repeated": number != first[one.invariant],
            "invariant": one.invariant,
            "message": _text(one.message, redactor),
            "evidence": _text(one.evidence, redactor),
            "item": place,
            "at_s": None if place is None else f"{_when(shown[place]):.3f}",
        }
        for number, (one, place) in enumerate(zip(section.violations, at, strict=True), start=1)
    ]
    return {
        "title": _text(section.title, redactor),
        "verdict": section.verdict,
        "notes": [_text(note, redactor) for note in (*section.notes, *_doubts(shown))],
        "violations": violations,
        "count": len(shown),
        "chart": {
            "lanes": list(rows.items()),
            "items": [_row(item, list(rows)) for item in shown],
            "violations": [[one["item"], one["invariant"]] for one in violations],
        },
    }


def _row(item: Item, order: list[str]) -> list[Any]:
    """An item as the script reads it."""
    return [
        order.index(item.lane),
        item.row,
        round(item.began_s, 6),
        round(item.ended_s, 6),
        item.tone,
        item.label,
        item.detail,
        item.value,
        getattr(item.record, "request_id", None) or "",
    ]


def _when(item: Item) -> float:
    """When a record shows a violation: a lag is told of when it is over."""
    return item.began_s if item.value is None else item.ended_s


def _doubts(shown: Iterable[Item]) -> list[str]:
    """What is said of lines that no clock places."""
    lines = [item for item in shown if item.how]
    loose = sum(line.how != BY_CLOCK for line in lines)
    if not loose:
        return []
    where = "they stand at the end of their request, or behind the line before"
    return [f"{loose} of {len(lines)} lines of the log have no clock that fits: {where}"]


def _text(text: str, redactor: Redactor) -> str:
    """A text of the page: redacted, and such that it can be encoded."""
    return redactor.text(text).encode("utf-8", "backslashreplace").decode()
