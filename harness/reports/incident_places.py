"""When a line of a log was written, on the clock of the run; where its own clock does not say it, by what stands near."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from harness.history import Exchange, LogRecord, Record
from harness.logs.clock import seconds

BY_CLOCK = "by its own clock"
BY_REQUEST = "by the end of its request"
BY_ORDER = "by its order in the log, which has no clock that fits"
OUTSIDE_S_MAX = 60.0
"""A line whose clock is further than that from everything else of a run is placed by what stands near: a clock jumped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A line of a log, its second on the axis, and how that is known."""

    record: LogRecord
    at_s: float
    how: str


def placed(records: Sequence[Record]) -> list[Placed]:
    """The lines of a log in their order, each with its time; seconds since the first where there is nothing but lines."""
    logs = [record for record in records if isinstance(record, LogRecord)]
    timed = [record for record in records if not isinstance(record, LogRecord)]
    ends = {record.request_id: record.ended_s for record in timed if isinstance(record, Exchange)}
    clocks = [None if log.timestamp is None else seconds(log.timestamp) for log in logs]
    zero_s = _zero(logs, clocks, timed)
    last_s = max((record.at_s for record in timed), default=float("inf"))
    found: list[Placed] = []
    near_s = next((clock - zero_s for clock in clocks if clock is not None), 0.0)
    near_s = near_s if _fits(near_s, last_s, timed) else 0.0
    for log, clock in zip(logs, clocks, strict=True):
        if clock is not None and _fits(clock - zero_s, last_s, timed):
            near_s, how = clock - zero_s, BY_CLOCK
        elif log.request_id in ends:
            near_s, how = ends[log.request_id], BY_REQUEST
        else:
            how = BY_ORDER
        found.append(Placed(record=log, at_s=near_s, how=how))
    return found


def _fits(at_s: float, last_s: float, timed: Sequence[Record]) -> bool:
    """Whether a time lies in the run, or near it; any does, where there is only a log."""
    return not timed or -OUTSIDE_S_MAX <= at_s <= last_s + OUTSIDE_S_MAX


def _zero(logs: Sequence[LogRecord], clocks: Sequence[float | None], timed: Sequence[Record]) -> float:
    """What the clock of the log said when the axis began.

    A line of a request was written while its client waited, so each says from when to when the axis may have begun:
    the middle of what all allow, or, where a clock jumped or a line came late, the median of the middles.
    """
    spans = {record.request_id: record for record in timed if isinstance(record, Exchange)}
    said = list(_said(logs, clocks, spans))
    if not said:
        return min((clock for clock in clocks if clock is not None), default=0.0)
    earliest_s, latest_s = max(first for first, _ in said), min(last for _, last in said)
    if earliest_s <= latest_s:
        return (earliest_s + latest_s) / 2
    return median((first + last) / 2 for first, last in said)


def _said(
    logs: Sequence[LogRecord], clocks: Sequence[float | None], spans: dict[str, Exchange]
) -> Iterator[tuple[float, float]]:
    """From when to when the axis may have begun, by each line of a request."""
    for log, clock in zip(logs, clocks, strict=True):
        if clock is not None and log.request_id is not None and log.request_id in spans:
            span = spans[log.request_id]
            yield clock - span.ended_s, clock - span.at_s
