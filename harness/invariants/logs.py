"""What was logged: the same as what was sent, once, under the right request id, and nothing that must not be there."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from harness.history import LOGS, SNAPSHOTS, WIRE, Exchange, History, LogRecord, Outage, Snapshot
from harness.reading import (
    PAUSED,
    contradicts,
    failed_late,
    has_unknown_ids,
    is_owed,
    known_ids,
    labelled,
    logged_status,
    may_have_finished,
    met,
    returned_id,
)
from harness.registry import invariant
from harness.verdict import Finding

CLIENT_LEFT = 499


@invariant("logs.agree_with_wire", witnesses={WIRE, LOGS}, promises=("completion_event", "request_ids"))
def agree_with_wire(history: History) -> Iterable[Finding]:
    """Each request has one completion record, with the status that was sent and the success that follows from it.

    Of requests under one id, each has one, in any order. A record may be missing where the client left, or an outage
    kept the request from the service, or the process was killed before it could write it. A client that left is 499 in
    its record, unless it left when the service may have had its answer: with none of its provider calls in flight.
    """
    event = history.header.contract.completion_event
    records: dict[str | None, list[LogRecord]] = defaultdict(list)
    exchanges: dict[str | None, list[Exchange]] = defaultdict(list)
    for record in history.logs:
        if record.event == event:
            records[record.request_id].append(record)
    for exchange in history.exchanges:
        exchanges[returned_id(exchange) or exchange.request_id].append(exchange)
    for request_id, asked in exchanges.items():
        found = records[request_id]
        if not sum(is_owed(exchange, history) for exchange in asked) <= len(found) <= len(asked):
            lines = [record.line for record in found]
            yield Finding(
                message=f"{len(found)} completion records (log lines {lines}), {len(asked)} expected",
                evidence=str(asked[0]),
            )
        for record in found:
            lies = [_lie(exchange, record, history) for exchange in asked]
            if None not in lies:
                yield Finding(message=f"{lies[0]}; {asked[0]}", evidence=str(record))


def _lie(exchange: Exchange, record: LogRecord, history: History) -> str | None:
    """What in the record is not as it was on the wire."""
    status = logged_status(record.fields)
    gone = exchange.left and not may_have_finished(exchange, history)
    sent = (CLIENT_LEFT if gone else exchange.status) if exchange.own else None
    # From within, an answer that broke off on its way looks as if the client had left.
    broke = exchange.error is not None and status == CLIENT_LEFT
    if sent is not None and status != sent and not broke:
        return f"logged status {status}, {sent} on the wire"
    if status == CLIENT_LEFT and record.fields.get("complete"):
        return f"logged as complete with status {status}"
    excused = failed_late(exchange) and record.fields.get("success") is False
    if contradicts(record.fields) and not excused:
        return f"logged success={record.fields['success']} with status {status}"
    return None


@invariant("logs.metrics_agree_with_wire", witnesses={WIRE, SNAPSHOTS}, promises=("response_metric",))
def metrics_agree_with_wire(history: History) -> Iterable[Finding]:
    """The response counter holds as many turns of each status as there were on the wire, and no more 499 than clients left.

    What a process had counted is lost where an outage ended it: then it may be fewer. A turn that got no answer in an
    outage, or whose client left when its answer may have been there, may be counted under any status, one whose answer
    broke off as 499 as well.
    """
    counted, turns = _counted(history), history.turns
    gone = counted.pop(str(CLIENT_LEFT), 0)
    whole = [turn for turn in turns if turn.error is None and turn.role != "beside"]
    lost = any(one.how != PAUSED for one in history.of(Outage))
    least = Counter(str(turn.status) for turn in whole if _is_told(turn) and not lost)
    sent = Counter(str(turn.status) for turn in turns if _is_told(turn))
    unknown = [
        bool(met(turn, history)) or may_have_finished(turn, history) or not turn.own
        for turn in turns
        if not _is_told(turn)
    ]
    left_max = sum(turn.status is None or turn.error is not None or not turn.own for turn in turns)
    if least - counted or (counted - sent).total() > sum(unknown) or gone > left_max:
        metric = history.header.contract.response_metric
        message = f"the metric counts {dict(counted)} and {gone} that left, the wire saw {dict(sent)}"
        yield Finding(message=message, evidence=f"snapshot metrics, {metric}")


def _is_told(turn: Exchange) -> bool:
    """Whether the wire says what the target has answered."""
    return turn.status is not None and turn.own


def _counted(history: History) -> Counter[str]:
    """The turns by status, as the response counter has them, over every life of the process."""
    contract = history.header.contract
    counted: Counter[str] = Counter()
    for snapshot in history.of(Snapshot):
        for labels, value in labelled(snapshot, contract.response_metric or ""):
            if labels.get("route") == contract.turn_path:
                counted[labels.get("status", "")] += int(value)
    return counted


@invariant("logs.nothing_forbidden", witnesses={LOGS}, promises=("forbidden_events",))
def nothing_forbidden(history: History) -> Iterable[Finding]:
    """No record is of an event that the contract forbids."""
    for record in history.logs:
        if record.event in history.header.contract.forbidden_events:
            yield Finding(message=f"{record.event} must not occur", evidence=str(record))


@invariant("logs.no_forbidden_text", witnesses={LOGS}, promises=("forbidden_texts",))
def no_forbidden_text(history: History) -> Iterable[Finding]:
    """No line holds a text that the contract forbids."""
    for record in history.logs:
        for text in history.header.contract.forbidden_texts:
            if text in record.text:
                yield Finding(message=f"the log says {text!r}", evidence=str(record))


@invariant("logs.request_id_carried", witnesses={WIRE, LOGS}, promises=("request_ids",))
def request_id_carried(history: History) -> Iterable[Finding]:
    """A record of an event that belongs to requests carries the id of a request that was sent, and of no other.

    Where a request beside the turns got no answer, its id may be on no record; then any will do, but none is without.
    """
    ids = known_ids(history)
    ids |= {snapshot.request_id for snapshot in history.of(Snapshot)}
    of_requests = {record.event for record in history.logs if record.request_id in ids}
    for record in history.logs:
        if record.source != "app" or record.event not in of_requests or record.request_id in ids:
            continue
        if record.request_id and has_unknown_ids(history):
            continue
        message = f"{record.event} under the request id {record.request_id}, which was not sent"
        yield Finding(message=message, evidence=str(record))
