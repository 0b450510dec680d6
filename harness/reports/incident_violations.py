"""Which record shows a violation: its evidence names it, in one of the ways in which records tell of themselves."""

import re
from collections.abc import Sequence

from harness.history import Exchange, LogRecord, Outage, Probe, Snapshot, UpstreamCall
from harness.reports.incident_items import REQUESTS, Item

_WAYS = (
    re.compile(r"(?P<log>app|access|stderr|stdout) log line (?P<line>\d+)"),
    re.compile(r"provider call (?P<call>\d+)"),
    re.compile(r"request (?P<request>[\w.:-]+\w)"),
    re.compile(r"(?P<probe>probe) (?P<phase>\w+) at (?P<at>[\d.]+) s"),
    re.compile(r"(?P<snapshot>snapshot) at (?P<read>[\d.]+) s"),
    re.compile(r"(?P<state>session:\S*\w|metrics)"),
    re.compile(r"(?P<fault>[\w.]+) at (?P<began>[\d.]+)\.\.[\d.]+ s"),
)


class Places:
    """The items of a section by the words in which evidence names their records."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._named: dict[tuple[str, ...], int] = {}
        for number, item in enumerate(items):
            for name in _names(item):
                self._named.setdefault(name, number)

    def of(self, evidence: str) -> int | None:
        """The number of the item that the evidence names first; None where it names none that is here."""
        for way in _WAYS:
            for found in way.finditer(evidence):
                number = self._named.get((next(iter(way.groupindex)), *found.groups()))
                if number is not None:
                    return number
        return None


def _names(item: Item) -> list[tuple[str, ...]]:
    """How evidence may name the record of an item."""
    match item.record:
        case LogRecord(request_id=request_id) if item.lane == REQUESTS:
            return [("request", request_id or "")]
        case LogRecord(source=source, line=line):
            return [("log", source, str(line))]
        case UpstreamCall(call=call):
            return [("call", str(call))]
        case Exchange(request_id=request_id):
            return [("request", request_id)]
        case Probe(phase=phase, at_s=at_s):
            return [("probe", "probe", phase, f"{at_s:.3f}")]
        case Snapshot(name=name, at_s=at_s):
            return [("snapshot", "snapshot", f"{at_s:.3f}"), ("state", name)]
        case Outage(fault=fault, at_s=at_s):
            return [("fault", fault, f"{at_s:.3f}")]
    return []
