"""What was answered: in time, with a status of the contract, under the request's own id."""

import math
from collections.abc import Iterable
from http import HTTPStatus

from harness.history import WIRE, Contract, Exchange, History
from harness.registry import invariant
from harness.verdict import Finding

HEALTH_S = 1.0
"""Within this a target says that it is healthy, whatever else it does."""


@invariant("outcome.answered_within_deadline", witnesses={WIRE})
def answered_within_deadline(history: History) -> Iterable[Finding]:
    """Every request is answered, turns within the deadline plus a tenth, health within a second, as its client counts."""
    contract = history.header.contract
    slack_s = history.header.harness_lag_ms_max / 1000
    limits_s = {
        contract.turn_path: contract.deadline_s * 1.1 + slack_s,
        contract.health_path: HEALTH_S + slack_s,
    }
    for exchange in history.exchanges:
        if exchange.left:
            continue
        limit_s = limits_s.get(exchange.path, math.inf)
        if exchange.status is None:
            yield Finding(message=f"no answer: {exchange.error}", evidence=str(exchange))
        elif exchange.elapsed_s > limit_s:
            message = f"answered after {exchange.elapsed_s:.2f} s, promised within {limit_s:.2f} s"
            yield Finding(message=message, evidence=str(exchange))


@invariant("outcome.status_in_contract", witnesses={WIRE})
def status_in_contract(history: History) -> Iterable[Finding]:
    """Every status is one that the contract names, every error is a typed body, and 500 is always a bug."""
    for exchange in history.exchanges:
        if exchange.status is None:
            continue
        if exchange.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            yield Finding(message="500: a valid request met a bug", evidence=str(exchange))
        elif exchange in history.turns and exchange.status not in history.header.contract.statuses:
            yield Finding(message=f"{exchange.status} is not in the contract", evidence=str(exchange))
        elif exchange.status >= HTTPStatus.BAD_REQUEST and not _typed(exchange, history.header.contract):
            yield Finding(message=f"{exchange.status} without a problem body", evidence=str(exchange))


@invariant("outcome.request_id_returned", witnesses={WIRE}, promises=("request_ids",))
def request_id_returned(history: History) -> Iterable[Finding]:
    """Every answer carries the request id that was sent with the request."""
    for exchange in history.exchanges:
        returned = exchange.headers.get("x-request-id")
        if exchange.status is not None and returned != exchange.request_id:
            yield Finding(message=f"the answer carries request id {returned}", evidence=str(exchange))


def _typed(exchange: Exchange, contract: Contract) -> bool:
    """A body of the promised type that names its request, where that is promised; RFC 9457 says how it looks."""
    media, body = exchange.headers.get("content-type", ""), exchange.body
    if contract.problem_media_type is None:
        return True
    named = isinstance(body, dict) and body.get("request_id") == exchange.request_id
    return media.startswith(contract.problem_media_type) and (named or not contract.request_ids)
