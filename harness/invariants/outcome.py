"""What was answered: in time, with a status of the contract, under the request's own id."""

import math
import re
from collections.abc import Iterable
from http import HTTPStatus

from harness.history import WIRE, Contract, Exchange, History
from harness.reading import (
    TERMINATED,
    cut_with_reason,
    is_stream,
    key_marks,
    marks_in,
    met,
    paused_s,
    returned_id,
    starved_s,
)
from harness.registry import invariant
from harness.verdict import Finding

_EXCEPTION = re.compile(r"^(?: *\| )?((?:\w+\.)*[A-Z]\w*(?:: .*)?)$", re.MULTILINE)
_ABOVE = re.compile(r'^[ |]*File "|^ *\+[-+]+ \d+ -+$', re.MULTILINE)

ACCEPT_S = 0.01
"""Within this a target takes up a connection, or a request on one that it has."""

RAISED_MAX, RAISED_CHARACTERS = 3, 200
"""So many different exceptions are told beside a 500, and so much of each."""

HEALTH_S = 1.0
"""Within this a target says that it is healthy, whatever else it does."""


@invariant("outcome.answered_within_deadline", witnesses={WIRE})
def answered_within_deadline(history: History) -> Iterable[Finding]:
    """Every request is answered to its end, turns and streams within the deadline plus a tenth, health within a second.

    The client's time counts. Only an outage excuses that there is no answer, and for how long the target was paused
    does not count; what it had accepted before SIGTERM it must answer. An answer may break off only where an outage
    or a fault of the client's link broke it. Requests beside the turns may go unanswered: `outcome.expected_status`.
    """
    contract = history.header.contract
    slack_s = history.header.harness_lag_ms_max / 1000
    turn_s = contract.deadline_s * 1.1 + slack_s
    limits_s = {contract.turn_path: turn_s, contract.health_path: HEALTH_S + slack_s}
    for exchange in history.exchanges:
        if exchange.left or (exchange.role == "beside" and exchange.status is None):
            continue
        limit_s = turn_s if is_stream(exchange) else limits_s.get(exchange.path, math.inf)
        took_s = exchange.elapsed_s - paused_s(history, exchange.at_s, exchange.ended_s)
        if (loss := _loss(exchange, history)) is not None:
            yield Finding(message=f"{loss}: {exchange.error}", evidence=str(exchange))
        elif exchange.status is not None and took_s > limit_s:
            message = f"answered after {took_s:.2f} s, promised within {limit_s:.2f} s"
            doubtful = took_s - limit_s <= starved_s(history, exchange.at_s, exchange.ended_s)
            yield Finding(message=message, evidence=str(exchange), doubtful=doubtful)


@invariant("outcome.status_in_contract", witnesses={WIRE})
def status_in_contract(history: History) -> Iterable[Finding]:
    """Every status is one that the contract names, every error is a typed body, and 500 is always a bug.

    What was sent beside the turns has statuses of its own (`outcome.expected_status`). Its errors are held to the
    typed body where they carry a request id, and so came from the service: what the server refuses by itself does not.
    """
    contract, turns = history.header.contract, history.turns
    for exchange in history.exchanges:
        status, own = exchange.status, exchange.role != "beside"
        if status is None:
            continue
        if own and status == HTTPStatus.INTERNAL_SERVER_ERROR:
            evidence = f"{exchange}{_raised(exchange, history)}"
            yield Finding(message="500: a valid request met a bug", evidence=evidence)
        elif own and exchange in turns and status not in contract.statuses:
            yield Finding(message=f"{status} is not in the contract", evidence=str(exchange))
        elif status >= HTTPStatus.BAD_REQUEST and not _typed(exchange, contract):
            yield Finding(message=f"{status} without a problem body", evidence=str(exchange))


def _raised(exchange: Exchange, history: History) -> str:
    """What the log says was raised in a request: under its id, or else, as a server's own tracebacks have none, in any.

    Where the provider's key is in it, its class alone.
    """
    told, keys = [one for one in history.logs if one.fields.get("exception")], key_marks(history)
    for request_id in (exchange.request_id, None):
        lines = [_exception_of(str(one.fields["exception"])) for one in told if one.request_id == request_id]
        said = dict.fromkeys(_without(keys, line) for line in lines)
        if said:
            return f"; the log tells of {', or of '.join(list(said)[:RAISED_MAX])}"
    return ""


def _without(keys: set[str], line: str) -> str:
    """So much of the line of an exception as holds no key."""
    if not keys & marks_in(line):
        return line[:RAISED_CHARACTERS]
    name = line.partition(":")[0]
    return "what holds the key of the provider" if keys & marks_in(name) else name


def _exception_of(traceback: str) -> str:
    """The line of the exception of a traceback, of a group the last one in it; or the last line there is.

    It is the first that looks so below the last frame: what it says may go on for lines that look the same.
    """
    begins = max((above.end() for above in _ABOVE.finditer(traceback)), default=0)
    found = _EXCEPTION.search(traceback, begins)
    return found[1] if found else (traceback.strip().splitlines() or [""])[-1]


@invariant("outcome.expected_status", witnesses={WIRE})
def expected_status(history: History) -> Iterable[Finding]:
    """What a fault sends beside the turns is answered with a status that it expects, or its client left first.

    An outage excuses that there is no answer, as it does for a turn.
    """
    for exchange in history.exchanges:
        if exchange.role != "beside":
            continue
        expected = " or ".join(str(status) for status in exchange.expected)
        if exchange.status is None:
            if not exchange.left and not met(exchange, history):
                message = f"no answer: {exchange.error}; {expected} expected"
                yield Finding(message=message, evidence=str(exchange))
        elif exchange.status not in exchange.expected:
            yield Finding(message=f"{exchange.status}, {expected} expected", evidence=str(exchange))


@invariant("outcome.request_id_returned", witnesses={WIRE}, promises=("request_ids",))
def request_id_returned(history: History) -> Iterable[Finding]:
    """Every answer carries the request id that was sent with the request; what the server itself refuses beside the turns, none."""
    for exchange in history.exchanges:
        returned = exchange.headers.get("x-request-id")
        none_due = exchange.role == "beside" and returned is None
        if exchange.status is not None and exchange.own and not none_due and returned != exchange.request_id:
            yield Finding(message=f"the answer carries request id {returned}", evidence=str(exchange))


def _loss(exchange: Exchange, history: History) -> str | None:
    """What of an answer was lost without an excuse, or None."""
    outages = met(exchange, history)
    if exchange.status is None and not outages:
        return "no answer"
    if exchange.status is None:
        # What the target has not yet taken up when it is told to end is refused, and that is clean.
        accept_s = ACCEPT_S + history.header.harness_lag_ms_max / 1000
        accepted = all(one.how == TERMINATED and exchange.at_s + accept_s < one.at_s for one in outages)
        return "accepted before SIGTERM and never answered" if accepted else None
    whole = exchange.error is None or is_stream(exchange)  # streams are held to `outcome.stream_ends`
    return None if whole or cut_with_reason(exchange, history) else "the answer broke off"


def _typed(exchange: Exchange, contract: Contract) -> bool:
    """A body of the promised type that names its request, where that is promised; RFC 9457 says how it looks."""
    media, body, own_id = exchange.headers.get("content-type", ""), exchange.body, returned_id(exchange)
    if contract.problem_media_type is None or own_id is None:
        return True
    named = isinstance(body, dict) and body.get("request_id") == own_id
    return media.startswith(contract.problem_media_type) and (named or not contract.request_ids)
