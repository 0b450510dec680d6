"""What several invariants read from a history: the fields of an answer, the events of a stream, and what explains a loss."""

import hashlib
import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from harness.history import (
    Exchange,
    FaultFired,
    History,
    Outage,
    Probe,
    Record,
    Snapshot,
    Starved,
    UpstreamCall,
)

DONE, ERROR = "done", "error"
"""With one of these the reference app ends every stream: with the fields of the 200, or with what went wrong."""

PAUSED, TERMINATED, KILLED, DIED = "paused", "terminated", "killed", "died"

RESTART = "restart"
"""The phase of what is probed of a process that a step is about to end."""

WRITTEN_S = 0.1
"""So soon after its answer what is logged of a request may still be unwritten, and is lost with a process that is killed."""

STATUSES = range(100, 1000)
CROSSING_S = 0.01
"""So soon after a client has left, the service may read the answer to its call before it reads that."""

_SAMPLE = re.compile(
    r"^(?P<name>[\w:]+)(?:\{(?P<labels>[^}]*)\})? "
    r"(?P<value>[+-]?(?:(?i:inf|nan)|\d+(?:\.\d*)?(?:e[+-]?\d+)?))$",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_TOKEN = re.compile(r"[\w.~+/-]+=*")
_MARK = re.compile(r"\[redacted ([0-9a-f]{16})\]")
_AROUND = ".-_~+/="

KEY_CHARACTERS_MIN = 16
"""A shorter key is a placeholder, such as `test`, and any line may hold that word."""

OF_THE_CLIENT = "client."
"""Faults whose names begin so may cut the answer to the very turn that they fired on."""


LOGGED_STATUSES = ("status_code", "status", "http_status")
"""The fields of a record that may say how its request ended."""


def logged_status(fields: Mapping[str, Any]) -> int | None:
    """The status that a record tells of its request; None where it tells none."""
    found = (fields.get(name) for name in LOGGED_STATUSES)
    return next((one for one in found if type(one) is int and one in STATUSES), None)


def contradicts(fields: Mapping[str, Any]) -> bool:
    """Whether a record says of success what does not follow from its status, and from the answer's being whole.

    Of what it does not say nothing follows.
    """
    status, success = logged_status(fields), fields.get("success")
    if status is None or not isinstance(success, bool):
        return False
    return success is not (status < HTTPStatus.BAD_REQUEST and fields.get("complete") is not False)


def is_stream(exchange: Exchange) -> bool:
    """True for an answer as server-sent events."""
    return exchange.headers.get("content-type", "").startswith("text/event-stream")


def events(exchange: Exchange) -> tuple[Mapping[str, Any], ...]:
    """The events of a stream, in order; none of what is no stream."""
    body = exchange.body if is_stream(exchange) else None
    return tuple(event for event in body if isinstance(event, dict)) if isinstance(body, list) else ()


def fields(exchange: Exchange) -> Mapping[str, Any] | None:
    """The fields of an answer: its JSON object, or of a stream those of its last event where that is `done`."""
    body = exchange.body
    if is_stream(exchange):
        last = (events(exchange) or ({},))[-1]
        body = last.get("data") if last.get("event") == DONE else None
    return body if isinstance(body, dict) else None


def field(exchange: Exchange, name: str) -> Any:
    """A field of the answer, or None."""
    return (fields(exchange) or {}).get(name)


def says_error(event: Any) -> bool:
    """Whether an event of a stream tells of a failure: by its name, or by an `error` in its data as OpenAI's has it."""
    if not isinstance(event, dict):
        return False
    data = event.get("data")
    return event.get("event") == ERROR or (isinstance(data, dict) and bool(data.get(ERROR)))


def answered_ok(exchange: Exchange) -> bool:
    """True where the client saw a whole 200; a stream tells of a failure in a 200 too, and then nothing is acknowledged."""
    told = exchange.body if isinstance(exchange.body, list) else ()
    failed = any(map(says_error, told))
    return exchange.status == HTTPStatus.OK and exchange.error is None and not failed


def as_promised(turn: Exchange, method: str | None) -> bool:
    """A whole 200, by the level that is promised where one is; of a stream, where it says which."""
    named = (
        method is None
        or (is_stream(turn) and field(turn, "method") is None)
        or field(turn, "method") == method
    )
    return answered_ok(turn) and named


def failed_late(exchange: Exchange) -> bool:
    """True for a stream that failed behind its good status, which was sent before: that may be logged as no success."""
    return is_stream(exchange) and exchange.status == HTTPStatus.OK and not answered_ok(exchange)


def of_fault(tag: str, *faults: str) -> bool:
    """True where a tag is that of one of the faults, under whichever number it is declared."""
    return tag.partition("#")[0] in faults


def shaped(call: UpstreamCall, fault: str) -> bool:
    """True where the fault shaped the answer to a call."""
    return any(of_fault(tag, fault) for tag in (call.fault or "").split(", "))


def met(exchange: Exchange, history: History, *, after_s: float = 0.0) -> tuple[Outage, ...]:
    """The outages of which any part lies within an exchange, or within so many seconds after it."""
    return tuple(one for one in history.of(Outage) if one.meets(exchange.at_s, exchange.ended_s + after_s))


def ends(records: Iterable[Record]) -> list[tuple[float, float]]:
    """From when until when nobody was there, for each time that a process was ended, by a fault or in a step."""
    outages = [(one.at_s, one.ended_s) for one in records if isinstance(one, Outage) and one.how != PAUSED]
    steps = [(one.at_s, one.at_s) for one in records if isinstance(one, Probe) and one.phase == RESTART]
    return outages + steps


def outlived(turn: Exchange, session_id: str | None, at_s: float, history: History) -> bool:
    """Whether a session of an id must still know a turn of its own at a time: it may have lain in a process that ended since.

    Turns that come at once for a session that is gone may each begin one: then it is those of that id that it must know.
    """
    if history.header.contract.sessions_outlive:
        return True
    before = [until_s for from_s, until_s in ends(history.records) if from_s <= at_s]
    return not before or (turn.session_id == session_id and max(before) < turn.at_s)


def killed(outage: Outage) -> bool:
    """True where the process had no time to write anything more: SIGKILL, also at the end of the grace after SIGTERM."""
    return outage.how == KILLED or outage.exit_code == -signal.SIGKILL


def is_owed(exchange: Exchange, history: History) -> bool:
    """Whether the log must have a completion record of an exchange."""
    if exchange.left or not exchange.own or (exchange.role == "beside" and returned_id(exchange) is None):
        return False  # gone before a byte of it was read maybe, or refused by the server itself
    if exchange.status is None and met(exchange, history):
        return False
    return not any(killed(one) for one in met(exchange, history, after_s=WRITTEN_S))


def paused_s(history: History, began_s: float, ended_s: float) -> float:
    """How many of the seconds between two times the target was paused; nobody can count them against it."""
    return sum(
        max(0.0, min(one.ended_s, ended_s) - max(one.at_s, began_s))
        for one in history.of(Outage)
        if one.how == PAUSED
    )


def starved_s(history: History, began_s: float, ended_s: float) -> float:
    """How long what went on between two times may have waited for a core, at most: by so much it may be late."""
    return sum(one.waited_s for one in history.of(Starved) if one.at_s <= ended_s and began_s <= one.ended_s)


def cut_with_reason(exchange: Exchange, history: History) -> bool:
    """True where an outage, or what its own client was made to do, may have cut an answer that had begun.

    SIGTERM is no such reason: what has begun is finished.
    """
    return any(one.how != TERMINATED for one in met(exchange, history)) or any(
        fired.fault.startswith(OF_THE_CLIENT) and exchange.request_id in fired.detail
        for fired in history.of(FaultFired)
    )


def has_unknown_ids(history: History) -> bool:
    """True where a request beside the turns got no answer: it may have had an id that the target replaced, nobody knows by what."""
    return any(one.role == "beside" and one.status is None for one in history.exchanges)


def may_have_finished(exchange: Exchange, history: History) -> bool:
    """True where a client left when its answer may have been under way: no provider call of the request was in flight.

    A call that was aborted may end at the very time at which the client left: until then it was in flight. One that was
    answered was so only where real time was left to notice that the client is gone: on a wire the two may cross.
    """
    header = history.header
    crossing_s = CROSSING_S + header.harness_lag_ms_max / 1000 if header.stage == "live" else 0.0
    crossed_s = exchange.ended_s + crossing_s
    return exchange.left and not any(
        call.request_id == exchange.request_id
        and call.at_s <= exchange.ended_s
        and (exchange.ended_s <= call.ended_s if call.outcome == "aborted" else crossed_s < call.ended_s)
        for call in history.calls
    )


def returned_id(exchange: Exchange) -> str | None:
    """The id under which the target knows a request: the one sent, but of one beside a turn what it answered.

    A request beside a turn may carry an id that no service takes, or none; one that never got as far as the service
    has none.
    """
    return exchange.headers.get("x-request-id") if exchange.role == "beside" else exchange.request_id


def known_ids(history: History) -> set[str]:
    """The ids under which requests were sent, and those that the target gave instead."""
    named = (returned_id(exchange) for exchange in history.exchanges)
    return {exchange.request_id for exchange in history.exchanges} | {one for one in named if one}


def key_marks(history: History) -> set[str]:
    """The marks of the keys that the provider was sent: no history holds a key, but what tells it from any other word."""
    return {mark for call in history.calls for text in call.headers.values() for mark in _MARK.findall(text)}


def marks_in(text: str) -> set[str]:
    """The marks of all that could be a key in a text: 64 bits of the SHA-256 of each word."""
    found = {word for token in _TOKEN.findall(text) for word in (token, token.strip(_AROUND))}
    return {
        hashlib.sha256(word.encode()).hexdigest()[:16] for word in found if len(word) >= KEY_CHARACTERS_MIN
    }


def samples(snapshot: Snapshot, metric: str) -> Iterator[float]:
    """The values of a metric on a page in Prometheus' text format, with whatever labels; none of another snapshot.

    `metric` is a name, or a name with labels that a sample must have among its own: `fallbacks_total{reason="quota"}`.
    """
    name, _, wanted = metric.partition("{")
    pairs = dict(_LABEL.findall(wanted)).items()
    return (value for labels, value in labelled(snapshot, name) if pairs <= labels.items())


def labelled(snapshot: Snapshot, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """The samples of the metric of a name on such a page: labels and value."""
    for found in _SAMPLE.finditer(str(snapshot.data)) if snapshot.name == "metrics" else ():
        if found["name"] == name:
            yield dict(_LABEL.findall(found["labels"] or "")), float(found["value"])
