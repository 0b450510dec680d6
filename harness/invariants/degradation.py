"""Who answered: the promised level unless a fault explains another, and the answer says which."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import PROVIDER, WIRE, Exchange, FaultFired, History, Outage
from harness.reading import field, fields, has_unknown_ids, known_ids, starved_s
from harness.registry import invariant
from harness.verdict import Finding

BUSY_SHARE = 0.25
"""Whoever waited for a core for so much of his deadline may well have had no time left for the primary level."""


@invariant("degradation.explained", witnesses={WIRE, PROVIDER}, promises=("primary_method", "request_ids"))
def explained(history: History) -> Iterable[Finding]:
    """A turn that no fault touched is answered by the primary level, and the provider saw that level asked.

    A fault touches the turns that end after it fired and begin before there was time to recover from it.
    """
    contract = history.header.contract
    asked = {call.request_id for call in history.calls if call.level == "conversation"}
    for turn in _answered(history):
        method = field(turn, "method")
        called = turn.request_id in asked or _replays(turn, history, asked)
        if method == contract.primary_method and not called:
            yield Finding(message=f"says {method}, but the provider saw no such call", evidence=str(turn))
        elif method != contract.primary_method and not _touched(turn, history):
            busy_s = starved_s(history, turn.at_s, turn.ended_s)
            doubtful = busy_s >= BUSY_SHARE * contract.deadline_s
            message = f"answered by {method} though nothing was wrong"
            yield Finding(message=message, evidence=str(turn), doubtful=doubtful)


@invariant("degradation.named", witnesses={WIRE}, promises=("primary_method", "fallback_reasons"))
def named(history: History) -> Iterable[Finding]:
    """An answer of a lower level names the levels that did not answer, each with a reason of the contract."""
    contract = history.header.contract
    for turn in _answered(history):
        entries = [entry for entry in field(turn, "fallbacks") or () if isinstance(entry, dict)]
        levels = [entry.get("level") for entry in entries if entry.get("reason") in contract.fallback_reasons]
        if field(turn, "method") != contract.primary_method and contract.primary_method not in levels:
            message = f"answered by {field(turn, 'method')} and says nothing of why {contract.primary_method} did not"
            yield Finding(message=message, evidence=str(turn))


@invariant("degradation.provider_call_named", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def provider_call_named(history: History) -> Iterable[Finding]:
    """Every call that the provider sees carries the id of a request that was sent.

    Where a request beside the turns got no answer, its id may be on no record; then any will do, but none is without.
    """
    ids = known_ids(history)
    for call in history.calls:
        if call.request_id not in ids and not (call.request_id and has_unknown_ids(history)):
            yield Finding(message="the provider cannot tell for whom it was called", evidence=str(call))


def _answered(history: History) -> list[Exchange]:
    """The turns that were answered 200 with a JSON object, or with a stream that ends with one."""
    return [turn for turn in history.turns if turn.status == HTTPStatus.OK and fields(turn) is not None]


def _touched(turn: Exchange, history: History) -> bool:
    """True where a fault fired, or lasted, before the turn ended, not so long before it began that all should be well."""
    since_s = turn.at_s - history.header.contract.recovery_s_max
    return any(since_s <= fired.at_s <= turn.ended_s for fired in history.of(FaultFired)) or any(
        outage.meets(since_s, turn.ended_s) for outage in history.of(Outage)
    )


def _replays(turn: Exchange, history: History, asked: set[str | None]) -> bool:
    """True when an earlier request of the session under the same idempotency key was answered, or asked the provider."""
    key = turn.idempotency_key
    return key is not None and any(
        other.at_s < turn.at_s
        and other.session == turn.session
        and (other.status == HTTPStatus.OK or other.request_id in asked)
        and other.idempotency_key == key
        for other in history.turns
    )
