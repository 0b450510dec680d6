"""Who is kept from asking the provider, and by whose fault."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import PROVIDER, WIRE, Exchange, FaultFired, History, Outage, UpstreamCall
from harness.reading import answered_ok, field
from harness.registry import invariant
from harness.verdict import Finding

ELSEWHERE_NOT = ("provider.", "client.disconnect")
"""Faults that keep nobody from asking but by what becomes of a call; any other may."""

SPENT = 0.5
"""Who took so much of his deadline may have had no time left to ask."""


@invariant(
    "degradation.leavers_harm_nobody", witnesses={WIRE, PROVIDER}, promises=("primary_method", "request_ids")
)
def leavers_harm_nobody(history: History) -> Iterable[Finding]:
    """A turn for which the primary level was not even asked has its reason in a call that failed, not in clients that left.

    A circuit breaker that counts the calls of those who did not wait takes a sound provider for a dead one. Any other
    fault or outage of that time explains it as well, and so does the time that the turn itself took.
    """
    contract = history.header.contract
    asked = {call.request_id for call in history.calls if call.level == "conversation"}
    left = {turn.request_id for turn in history.turns if turn.left}
    keyed = {turn.request_id for turn in history.turns if turn.idempotency_key is not None}
    for turn in history.turns:
        method = field(turn, "method")
        lower = answered_ok(turn) and method is not None and method != contract.primary_method
        in_time = turn.elapsed_s < SPENT * contract.deadline_s
        if not (lower and in_time) or turn.request_id in asked | keyed:
            continue
        since_s = turn.at_s - contract.recovery_s_max
        harmed = [call for call in history.calls if _meets(call, since_s, turn) and call.request_id in left]
        if harmed and not _explained(turn, since_s, left, history):
            message = f"answered by {method} and the provider not asked, after {len(harmed)} calls of clients that left"
            yield Finding(message=message, evidence=str(turn))


def _explained(turn: Exchange, since_s: float, left: set[str], history: History) -> bool:
    """Whether a call failed for somebody who waited for it, or something else than the provider was broken."""
    return (
        any(
            _failed(call) and call.request_id not in left
            for call in history.calls
            if _meets(call, since_s, turn)
        )
        or any(one.meets(since_s, turn.ended_s) for one in history.of(Outage))
        or any(
            since_s <= fired.at_s <= turn.ended_s and not fired.fault.startswith(ELSEWHERE_NOT)
            for fired in history.of(FaultFired)
        )
    )


def _meets(call: UpstreamCall, since_s: float, turn: Exchange) -> bool:
    """Whether any part of a call was between then and the end of the turn."""
    return call.ended_s >= since_s and call.at_s <= turn.ended_s


def _failed(call: UpstreamCall) -> bool:
    """Whether a call got no answer, an error, or one that a fault shaped."""
    refused = call.status is None or call.status >= HTTPStatus.BAD_REQUEST
    return refused or call.fault is not None or call.outcome != "answered"
