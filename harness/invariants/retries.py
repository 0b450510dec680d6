"""How often the provider is asked again, and how soon: within a budget, after a wait, and not all in step."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import pairwise

from harness.history import PROVIDER, WIRE, FaultFired, History, UpstreamCall
from harness.registry import invariant
from harness.verdict import Finding

SPACING_S_MIN = 0.001
SAME_S = 0.0001
"""Waits that differ by less are the same."""

IN_STEP = 3
"""So many waits that are the same are no chance."""

WAITS_AS_TOLD = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Errors that may tell in a Retry-After how long to wait (RFC 6585 4, RFC 9110 15.6.4); who then waits just that is right."""


@invariant("degradation.retry_budget", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def retry_budget(history: History) -> Iterable[Finding]:
    """No request costs more provider calls than the contract allows for one; what was sent twice may cost them twice."""
    sent = Counter(exchange.request_id for exchange in history.exchanges)
    for request_id, count in Counter(call.request_id for call in history.calls if call.request_id).items():
        budget = history.header.contract.provider_calls_per_turn_max * max(1, sent[request_id])
        if count > budget:
            yield Finding(
                message=f"{count} provider calls, {budget} allowed", evidence=f"request {request_id}"
            )


@invariant("degradation.retry_budget_total", witnesses={WIRE, PROVIDER})
def retry_budget_total(history: History) -> Iterable[Finding]:
    """Where calls carry no request id: all requests together cost no more provider calls than so many may.

    Counted are the requests that were under way while faults fired, and the calls meanwhile; where none fired, all. A
    GET asks for no call. A service that passes request ids on is held to its budget by each request.
    """
    contract, fired = history.header.contract, [one.at_s for one in history.of(FaultFired)]
    asking = [one for one in history.exchanges if one.method != "GET"]
    if fired:
        asking = [one for one in asking if one.at_s <= max(fired) and one.ended_s >= min(fired)]
    if contract.request_ids or not asking:
        return
    began_s, ended_s = min(one.at_s for one in asking), max(one.ended_s for one in asking)
    count = sum(began_s <= call.at_s <= ended_s for call in history.calls)
    # One that began before or ended after them may have called meanwhile.
    beside = [one for one in history.exchanges if one.at_s <= ended_s and one.ended_s >= began_s]
    requests = sum(one.method != "GET" for one in beside)
    if count > requests * contract.provider_calls_per_turn_max:
        yield Finding(
            message=f"{count} provider calls for {requests} requests, {contract.provider_calls_per_turn_max} allowed for each",
            evidence=f"{began_s:.3f}..{ended_s:.3f} s",
        )


@invariant("degradation.retry_spacing", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def retry_spacing(history: History) -> Iterable[Finding]:
    """Further retries wait a millisecond at least, and the waits of several requests are not all the same.

    A first retry may follow at once. The wait before the n-th retry has jitter: three or more that are equal within a
    tenth of a millisecond, with none that differs, are a herd. Nothing is asked after an error that may have told how
    long to wait: 429, 503, and any after which a whole number of seconds was waited (a Retry-After has no fractions).
    """
    waits: dict[int, list[tuple[float, UpstreamCall]]] = defaultdict(list)
    for number, wait_s, call in _retries(history):
        waits[number].append((wait_s, call))
        if number > 1 and wait_s < SPACING_S_MIN:
            message = f"retry {number} came {wait_s * 1000:.2f} ms after a failure"
            yield Finding(message=message, evidence=str(call))
    for number, found in sorted(waits.items()):
        seconds = [wait_s for wait_s, _ in found]
        if len(found) >= IN_STEP and max(seconds) - min(seconds) <= SAME_S:
            message = f"all {len(found)} retries number {number} waited {seconds[0] * 1000:.1f} ms: no jitter"
            yield Finding(message=message, evidence=str(found[-1][1]))


def _retries(history: History) -> Iterator[tuple[int, float, UpstreamCall]]:
    """Each retry that chose its wait: its number among those of its request and level, the wait in seconds, the call.

    A retry says the same as the call before, which had failed. A caller that gave a call up is not judged: when the
    provider saw that is not when the caller did it. Nor is a request that was itself sent twice.
    """
    sent = Counter(exchange.request_id for exchange in history.exchanges)
    attempts: dict[tuple[str, str], list[UpstreamCall]] = defaultdict(list)
    for call in history.calls:
        if call.request_id and sent[call.request_id] <= 1:
            attempts[call.request_id, call.level].append(call)
    for calls in attempts.values():
        number = 0
        for before, call in pairwise(sorted(calls, key=lambda call: call.at_s)):
            again = before.messages == call.messages and _failed(before)
            number = number + 1 if again else 0
            wait_s = call.at_s - before.ended_s
            if again and wait_s >= 0 and before.outcome == "answered" and not _as_told(before, wait_s):
                yield number, wait_s, call


def _as_told(before: UpstreamCall, wait_s: float) -> bool:
    """True where the wait may be that of a Retry-After, which is not on record."""
    seconds = round(wait_s)
    return before.status in WAITS_AS_TOLD or (seconds >= 1 and abs(wait_s - seconds) <= SAME_S)


def _failed(call: UpstreamCall) -> bool:
    """True where a call got no answer, an error, or one that a fault shaped."""
    return call.status is None or call.status >= HTTPStatus.BAD_REQUEST or call.fault is not None
