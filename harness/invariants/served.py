"""Who may be refused, and when: no turn that nothing stood against, and whoever is one too many at once."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import PROVIDER, WIRE, Exchange, History
from harness.reading import met, starved_s
from harness.registry import invariant
from harness.verdict import Finding

REFUSED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

AT_ONCE_S = 0.5
"""Within this somebody is told that there is no room; it is far below any deadline, and enough for a busy loop."""

OF_THE_PROVIDER = "provider."
"""Faults whose names begin so are in the answers to the calls that they shaped, and nowhere else."""


@invariant("outcome.served", witnesses={WIRE, PROVIDER}, promises=("turns_in_flight_max",))
def served(history: History) -> Iterable[Finding]:
    """No turn is refused with 429 or 503 that nothing stood against: neither a fault nor the number of those in flight.

    Where anything but the provider is broken, nobody can tell, and nothing is asked; nor of a turn in whose session
    another was in flight, or that an outage met. That the calls of others were slow is no reason. One that was refused
    when its time was over is in doubt where it may have waited for a core.
    """
    contract = history.header.contract
    if not all(name.startswith(OF_THE_PROVIDER) for name in history.header.declared):
        return
    shaped = {call.request_id for call in history.calls if call.fault}
    for turn in history.turns:
        if turn.status not in REFUSED or turn.left or turn.role == "beside" or turn.request_id in shaped:
            continue
        others = _beside(turn, history)
        crowded = 1 + len(others) > (contract.turns_in_flight_max or 0)
        if crowded or any(_same_session(turn, other) for other in others) or met(turn, history):
            continue
        late_s = starved_s(history, turn.at_s, turn.ended_s)
        message = f"{turn.status} with {1 + len(others)} in flight at most, promised to serve {contract.turns_in_flight_max}"
        doubtful = late_s > 0 and turn.elapsed_s + late_s >= contract.deadline_s
        yield Finding(message=message, evidence=str(turn), doubtful=doubtful)


@invariant("outcome.refused_at_once", witnesses={WIRE}, promises=("turns_in_flight_max",))
def refused_at_once(history: History) -> Iterable[Finding]:
    """A turn that comes when the promised number are in flight already, and is refused, is refused at once.

    Who waits until the deadline for a refusal could have gone elsewhere. Those count that were there before it, and
    still when it should have been refused. See SuanmoSuanyangTechnology/MemoryBear#1623.
    """
    served_max = history.header.contract.turns_in_flight_max or 0
    slack_s = history.header.harness_lag_ms_max / 1000
    for turn in history.turns:
        due_s = turn.at_s + AT_ONCE_S + slack_s
        if turn.status not in REFUSED or turn.ended_s <= due_s or met(turn, history):
            continue
        before = sum(
            one is not turn and one.at_s <= turn.at_s and one.ended_s > due_s for one in history.turns
        )
        if before >= served_max:
            message = (
                f"refused after {turn.elapsed_s:.2f} s, with {before} before it; {served_max} are promised"
            )
            doubtful = turn.ended_s - due_s <= starved_s(history, turn.at_s, turn.ended_s)
            yield Finding(message=message, evidence=str(turn), doubtful=doubtful)


def _beside(turn: Exchange, history: History) -> list[Exchange]:
    """Every exchange that was in flight during any part of a turn."""
    return [
        one
        for one in history.exchanges
        if one is not turn and one.at_s <= turn.ended_s and turn.at_s <= one.ended_s
    ]


def _same_session(turn: Exchange, other: Exchange) -> bool:
    """Whether both belong to one conversation; turns of one wait for each other."""
    return bool(turn.session) and turn.session == other.session
