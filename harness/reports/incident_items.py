"""The lanes of an incident: each record as a bar or a mark on one axis of time, and what is told of it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any

from harness.history import (
    Deadlocked,
    Exchange,
    FaultFired,
    LinkDown,
    LogRecord,
    Outage,
    Probe,
    Record,
    Snapshot,
    Starved,
    UpstreamCall,
)
from harness.reports.incident_places import placed

DETAIL_CHARACTERS_MAX = 4000
REQUESTS, CALLS, FAULTS, MACHINE, LAG, STATE, LOG = (
    "requests without a session",
    "provider calls",
    "faults",
    "waits for a core",
    "loop lag",
    "state read",
    "log",
)
UNKNOWN = "unknown"
LEVELS = ("critical", "error", "warning", "info", "debug")
ROLES = {"warmup": "warm-up", "golden": "golden turns"}
SHORT = {"warn": "warning", "err": "error", "fatal": "critical"}
SERVER_ERROR, CLIENT_ERROR, REDIRECT = 500, 400, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One record on the axis.

    `tone` is how it went, `row` its line in the lane, `value` the height of a lag in ms, and `how` is how the time of
    a line of a log is known.
    """

    lane: str
    began_s: float
    ended_s: float
    label: str
    tone: str
    detail: str
    record: Record
    row: int = 0
    value: float | None = None
    how: str = ""


def items(records: Sequence[Record]) -> list[Item]:
    """All records on their lanes, those of a lane in rows in which no two overlap, in order of time."""
    has_requests = any(isinstance(record, Exchange) for record in records)
    found = [item for record in records for item in _timed(record)]
    found += _lags([record for record in records if isinstance(record, Probe)])
    lines = list(_lines(records))
    if not has_requests:
        found += _requests(lines)
    return sorted([*_packed(found), *lines], key=attrgetter("began_s"))


def lanes(found: Iterable[Item]) -> dict[str, int]:
    """The lanes and how many rows each has: sessions as they began, then what they share."""
    last = (REQUESTS, CALLS, FAULTS, MACHINE, LAG, STATE, LOG)
    rows: dict[str, int] = {}
    for item in found:
        rows[item.lane] = max(rows.get(item.lane, 0), item.row + 1)
    ordered = [*(lane for lane in rows if lane not in last), *(lane for lane in last if lane in rows)]
    return {lane: rows[lane] for lane in ordered}


def _timed(record: Record) -> Iterator[Item]:
    """A record that has its own time; a probe and a line of a log are told by what stands beside them."""
    match record:
        case Exchange():
            outcome = record.status if record.status is not None else record.error
            label = f"{record.method} {record.path} {outcome}"
            lane = ROLES.get(record.role) or (f"session {record.session}" if record.session else REQUESTS)
            yield _item(
                record, lane, record.ended_s, label, "left" if record.left else tone_of(record.status)
            )
        case UpstreamCall():
            tone = tone_of(record.status) if record.outcome == "answered" else record.outcome
            label = f"call {record.call} {record.level} {record.status or record.outcome}"
            yield _item(record, CALLS, record.ended_s, label, tone)
        case FaultFired():
            yield _item(record, FAULTS, record.at_s, record.fault, "fault")
        case Outage():
            yield _item(record, FAULTS, record.ended_s, f"{record.fault}: {record.how}", "fault")
        case LinkDown():
            yield _item(record, FAULTS, record.ended_s, f"{record.fault}: refused", "fault")
        case Starved():
            label = f"waited {record.waited_s:.3f} s for a core"
            yield _item(record, MACHINE, record.ended_s, label, "other")
        case Deadlocked():
            yield _item(record, FAULTS, record.at_s, "deadlock", "server")
        case Snapshot():
            yield _item(record, STATE, record.at_s, f"{record.name} {record.status}", tone_of(record.status))


def _item(record: Any, lane: str, ended_s: float, label: str, tone: str) -> Item:
    return Item(
        lane=lane,
        began_s=record.at_s,
        ended_s=max(ended_s, record.at_s),
        label=label,
        tone=tone,
        detail=_detail(record),
        record=record,
    )


def tone_of(status: int | None) -> str:
    """How a request went, by the class of its status."""
    if status is None:
        return "none"
    if status >= SERVER_ERROR:
        return "server"
    if status >= CLIENT_ERROR:
        return "client"
    return "other" if status >= REDIRECT else "ok"


def _lags(probes: Sequence[Probe]) -> Iterator[Item]:
    """The lag of the loop, as a step from the probe before to the one that tells it."""
    before_s = None
    for probe in probes:
        label = f"{probe.phase}: loop {probe.loop_lag_ms_max:.0f} ms late at most, {probe.tasks} tasks"
        item = _item(probe, LAG, probe.at_s, label, "lag")
        began_s = probe.at_s if before_s is None else before_s
        yield replace(item, began_s=min(began_s, probe.at_s), value=probe.loop_lag_ms_max)
        before_s = probe.at_s


def _lines(records: Sequence[Record]) -> Iterator[Item]:
    """The lines of a log as marks, a row a level, the worst first; the last row has those without."""
    marked = [(one, _level(one.record)) for one in placed(records)]
    present = {level for _, level in marked}
    rows = [level for level in (*LEVELS, UNKNOWN) if level in present]
    for one, level in marked:
        yield Item(
            lane=LOG,
            began_s=one.at_s,
            ended_s=one.at_s,
            label=f"{one.record.source} line {one.record.line}: {one.record.event or one.record.text[:100]}",
            tone=level,
            detail=f"{_cut(one.record.text)}\n\n{one.record.source} log line {one.record.line}, placed {one.how}",
            record=one.record,
            row=rows.index(level),
            how=one.how,
        )


def _level(record: LogRecord) -> str:
    """The level of a line by its usual name."""
    level = (record.level or "").lower()
    level = SHORT.get(level, level)
    return level if level in LEVELS else UNKNOWN


def _requests(lines: Sequence[Item]) -> list[Item]:
    """Requests as a log alone tells them: from the first to the last line of each."""
    groups: dict[str, list[Item]] = {}
    for line in lines:
        if isinstance(line.record, LogRecord) and line.record.request_id:
            groups.setdefault(line.record.request_id, []).append(line)
    return [_request(request_id, group) for request_id, group in groups.items()]


def _request(request_id: str, group: Sequence[Item]) -> Item:
    """One request by its lines; its status is the last that one of them names."""
    told = [line.record.fields for line in group if isinstance(line.record, LogRecord)]
    found = [fields.get("status_code", fields.get("status")) for fields in told]
    status = next((value for value in reversed(found) if isinstance(value, int)), None)
    detail = "\n".join(
        [f"request {request_id}, by its {len(group)} lines", "", *(line.label for line in group)]
    )
    return replace(
        min(group, key=attrgetter("began_s")),
        lane=REQUESTS,
        ended_s=max(line.ended_s for line in group),
        label=f"{request_id} {'' if status is None else status}".strip(),
        tone=tone_of(status),
        detail=_cut(detail),
        row=0,
        how="",
    )


def _packed(found: Sequence[Item]) -> Iterator[Item]:
    """The items, each in the first row of its lane that is free by then."""
    free: dict[str, list[float]] = {}
    for item in sorted(found, key=attrgetter("began_s")):
        rows = free.setdefault(item.lane, [])
        taken_until = max(item.ended_s, item.began_s)
        row = next((number for number, until in enumerate(rows) if until <= item.began_s), len(rows))
        rows[row : row + 1] = [taken_until]
        yield replace(item, row=0 if item.lane in (STATE, LAG) else row)


def _detail(record: Any) -> str:
    """What a record holds, empty values left out, a line each."""
    told = {name: value for name, value in asdict(record).items() if value not in (None, "", (), {}, [])}
    return _cut("\n".join(f"{name}: {_shown(value)}" for name, value in told.items()))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(
        value, ensure_ascii=False, indent=1 if isinstance(value, dict | list) else None, default=str
    )


def _cut(text: str) -> str:
    """A text, of a long one the beginning."""
    rest = len(text) - DETAIL_CHARACTERS_MAX
    return text if rest <= 0 else f"{text[:DETAIL_CHARACTERS_MAX]}\n... and {rest} characters more"
