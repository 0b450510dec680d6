"""What was logged: the same as what was sent, once, under the right request id, and nothing that must not be there."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from http import HTTPStatus

from harness.history import LOGS, SNAPSHOTS, WIRE, Exchange, History, LogRecord, Snapshot
from harness.registry import invariant
from harness.verdict import Finding

CLIENT_LEFT = 499
_SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@invariant("logs.agree_with_wire", witnesses={WIRE, LOGS}, promises=("completion_event", "request_ids"))
def agree_with_wire(history: History) -> Iterable[Finding]:
    """Each request has one completion record, with the status that was sent and the success that follows from it."""
    event = history.header.contract.completion_event
    records: dict[str | None, list[LogRecord]] = defaultdict(list)
    for record in history.logs:
        if record.event == event:
            records[record.request_id].append(record)
    for exchange in history.exchanges:
        found = records[exchange.request_id]
        # A client that left, before a byte of it was read maybe, or before a SIGKILL, may have left no record.
        if len(found) != 1 and not (exchange.left and not found):
            lines = [record.line for record in found]
            yield Finding(
                message=f"{len(found)} completion records (log lines {lines}), 1 expected",
                evidence=str(exchange),
            )
        for record in found:
            if (lie := _lie(exchange, record)) is not None:
                yield Finding(message=f"{lie}; {exchange}", evidence=str(record))


def _lie(exchange: Exchange, record: LogRecord) -> str | None:
    """What in the record is not as it was on the wire."""
    status, success = record.fields.get("status_code"), record.fields.get("success")
    sent = CLIENT_LEFT if exchange.left else exchange.status
    if sent is not None and status != sent:
        return f"logged status {status}, {sent} on the wire"
    if isinstance(status, int) and success is not (
        status < HTTPStatus.BAD_REQUEST and bool(record.fields.get("complete", True))
    ):
        return f"logged success={success} with status {status}"
    return None


@invariant("logs.metrics_agree_with_wire", witnesses={WIRE, SNAPSHOTS}, promises=("response_metric",))
def metrics_agree_with_wire(history: History) -> Iterable[Finding]:
    """The response counter holds as many turns of each status as there were on the wire, and no more 499 than clients left."""
    contract = history.header.contract
    snapshots = [snapshot for snapshot in history.of(Snapshot) if snapshot.name == "metrics"]
    counted: Counter[str] = Counter()
    for snapshot in snapshots:
        for sample in _SAMPLE.finditer(str(snapshot.data)):
            labels = dict(_LABEL.findall(sample["labels"]))
            if sample["name"] == contract.response_metric and labels.get("route") == contract.turn_path:
                counted[labels.get("status", "")] += int(float(sample["value"]))
    sent = Counter(str(turn.status) for turn in history.turns if turn.status is not None)
    gone = counted.pop(str(CLIENT_LEFT), 0)
    if counted != sent or gone > sum(turn.status is None for turn in history.turns):
        message = f"the metric counts {dict(counted)} and {gone} that left, the wire saw {dict(sent)}"
        yield Finding(message=message, evidence=f"snapshot metrics, {contract.response_metric}")


@invariant("logs.nothing_forbidden", witnesses={LOGS}, promises=("forbidden_texts",))
def nothing_forbidden(history: History) -> Iterable[Finding]:
    """No record is one of those that the contract forbids, and no line holds a text that it forbids."""
    contract = history.header.contract
    for record in history.logs:
        if record.event in contract.forbidden_events:
            yield Finding(message=f"{record.event} must not occur", evidence=str(record))
        for text in contract.forbidden_texts:
            if text in record.text:
                yield Finding(message=f"the log says {text!r}", evidence=str(record))


@invariant("logs.request_id_carried", witnesses={WIRE, LOGS}, promises=("request_ids",))
def request_id_carried(history: History) -> Iterable[Finding]:
    """A record of an event that belongs to requests carries the id of a request that was sent, and of no other."""
    ids = {exchange.request_id for exchange in history.exchanges}
    ids |= {snapshot.request_id for snapshot in history.of(Snapshot)}
    of_requests = {record.event for record in history.logs if record.request_id in ids}
    for record in history.logs:
        if record.source != "app" or record.event not in of_requests or record.request_id in ids:
            continue
        message = f"{record.event} under the request id {record.request_id}, which was not sent"
        yield Finding(message=message, evidence=str(record))
