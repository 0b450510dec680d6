"""Who answered: the promised level unless a fault explains another, and the answer says which."""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from harness.history import PROVIDER, WIRE, Exchange, FaultFired, History
from harness.registry import invariant
from harness.verdict import Finding


@invariant("degradation.explained", witnesses={WIRE, PROVIDER}, promises=("primary_method", "request_ids"))
def explained(history: History) -> Iterable[Finding]:
    """A turn that no fault touched is answered by the primary level, and the provider saw that level asked.

    A fault touches the turns that end after it fired and begin before there was time to recover from it.
    """
    contract = history.header.contract
    asked = {call.request_id for call in history.calls if call.level == "conversation"}
    for turn in _answered(history):
        method = _field(turn, "method")
        if method == contract.primary_method and turn.request_id not in asked and not _replays(turn, history):
            yield Finding(message=f"says {method}, but the provider saw no such call", evidence=str(turn))
        elif method != contract.primary_method and not _touched(turn, history):
            yield Finding(message=f"answered by {method} though nothing was wrong", evidence=str(turn))


@invariant("degradation.named", witnesses={WIRE}, promises=("primary_method", "fallback_reasons"))
def named(history: History) -> Iterable[Finding]:
    """An answer of a lower level names the levels that did not answer, each with a reason of the contract."""
    contract = history.header.contract
    for turn in _answered(history):
        entries = [entry for entry in _field(turn, "fallbacks") or () if isinstance(entry, dict)]
        levels = [entry.get("level") for entry in entries if entry.get("reason") in contract.fallback_reasons]
        if _field(turn, "method") != contract.primary_method and contract.primary_method not in levels:
            message = f"answered by {_field(turn, 'method')} and says nothing of why {contract.primary_method} did not"
            yield Finding(message=message, evidence=str(turn))


@invariant("degradation.provider_call_named", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def provider_call_named(history: History) -> Iterable[Finding]:
    """Every call that the provider sees carries the id of a request that was sent."""
    ids = {exchange.request_id for exchange in history.exchanges}
    for call in history.calls:
        if call.request_id not in ids:
            yield Finding(message="the provider cannot tell for whom it was called", evidence=str(call))


@invariant("degradation.retry_budget", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def retry_budget(history: History) -> Iterable[Finding]:
    """No request costs more provider calls than the contract allows for one."""
    budget = history.header.contract.provider_calls_per_turn_max
    for request_id, count in Counter(call.request_id for call in history.calls if call.request_id).items():
        if count > budget:
            yield Finding(
                message=f"{count} provider calls, {budget} allowed", evidence=f"request {request_id}"
            )


def _answered(history: History) -> list[Exchange]:
    """The turns that were answered 200 with a JSON object."""
    return [turn for turn in history.turns if turn.status == HTTPStatus.OK and isinstance(turn.body, dict)]


def _touched(turn: Exchange, history: History) -> bool:
    """True where a fault fired before the turn ended, and not so long before it began that all should be well again."""
    window_s = history.header.contract.recovery_s_max
    return any(
        fired.at_s <= turn.ended_s and fired.at_s >= turn.at_s - window_s for fired in history.of(FaultFired)
    )


def _replays(turn: Exchange, history: History) -> bool:
    """True when an earlier turn of the session was answered under the same idempotency key."""
    key = turn.request_headers.get("idempotency-key")
    return key is not None and any(
        other.at_s < turn.at_s
        and other.session == turn.session
        and other.status == HTTPStatus.OK
        and other.request_headers.get("idempotency-key") == key
        for other in history.turns
    )


def _field(turn: Exchange, name: str) -> Any:
    """A field of the answer."""
    return turn.body.get(name) if isinstance(turn.body, dict) else None
