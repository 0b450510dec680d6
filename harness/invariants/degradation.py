"""Who answered: the promised level unless a fault explains another, and the answer says which."""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from harness.history import PROVIDER, WIRE, Exchange, FaultFired, History
from harness.registry import invariant
from harness.verdict import Finding


@invariant("degradation.explained", witnesses={WIRE, PROVIDER})
def explained(history: History) -> Iterable[Finding]:
    """A turn that no fault touched is answered by the primary level, and the provider saw that level asked."""
    primary = history.header.contract.primary_method
    first_fault_s = min((record.at_s for record in history.of(FaultFired)), default=float("inf"))
    asked = {call.request_id for call in history.calls if call.level == "conversation"}
    for turn in _answered(history):
        method = _field(turn, "method")
        if primary is None or (method != primary and turn.ended_s >= first_fault_s):
            continue
        if method != primary:
            yield Finding(message=f"answered by {method} though nothing was wrong", evidence=str(turn))
        elif turn.request_id not in asked and not _replays(turn, history):
            yield Finding(message=f"says {primary}, but the provider saw no such call", evidence=str(turn))


@invariant("degradation.named", witnesses={WIRE})
def named(history: History) -> Iterable[Finding]:
    """An answer of a lower level names the levels that did not answer, each with its reason."""
    primary = history.header.contract.primary_method
    for turn in _answered(history):
        fallbacks = _field(turn, "fallbacks")
        levels = [
            entry.get("level") for entry in fallbacks or () if isinstance(entry, dict) and entry.get("reason")
        ]
        if primary is not None and _field(turn, "method") != primary and primary not in levels:
            message = f"answered by {_field(turn, 'method')} and says nothing of why {primary} did not"
            yield Finding(message=message, evidence=str(turn))


@invariant("degradation.provider_call_named", witnesses={WIRE, PROVIDER})
def provider_call_named(history: History) -> Iterable[Finding]:
    """Every call that the provider sees carries the id of a request that was sent."""
    ids = {exchange.request_id for exchange in history.exchanges}
    for call in history.calls if history.header.contract.request_ids else ():
        if call.request_id not in ids:
            yield Finding(message="the provider cannot tell for whom it was called", evidence=str(call))


@invariant("degradation.retry_budget", witnesses={WIRE, PROVIDER})
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


def _replays(turn: Exchange, history: History) -> bool:
    """True when an earlier turn was sent under the same idempotency key."""
    key = turn.request_headers.get("idempotency-key")
    return key is not None and any(
        other.at_s < turn.at_s and other.request_headers.get("idempotency-key") == key
        for other in history.turns
    )


def _field(turn: Exchange, name: str) -> Any:
    """A field of the answer."""
    return turn.body.get(name) if isinstance(turn.body, dict) else None
