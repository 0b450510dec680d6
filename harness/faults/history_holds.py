"""What must hold of the history that is told, where a fault keeps the target from telling it whole."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from harness.faults.process_instances import HISTORY, made_by
from harness.history import PROVIDER, WIRE, FaultFired, History, UpstreamCall
from harness.registry import INVARIANTS, oracle
from harness.verdict import Finding

MISREAD = frozenset({"store.stale_read", "store.corrupt_row"})
SYNC_ENTRY = "loop.sync_entry"
SAYS = " with the message "
"""In a firing of loop.sync_entry, before what the entry was called with."""


@oracle("store.history_told_again", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def history_told_again(history: History) -> Iterable[Finding]:
    """`sessions.history_preserved`, of the turns that began after the last read that was not as stored.

    What a turn has read it has to believe; what was stored is whole, and is told once it can be read.
    """
    last_s = max((one.at_s for one in history.of(FaultFired) if _name(one) in MISREAD), default=float("-inf"))
    return _judged(history, lambda call: _began_s(call, history) > last_s)


@oracle("loop.sync_entry.history_told", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def history_told_beside(history: History) -> Iterable[Finding]:
    """`sessions.history_preserved`, of all calls but those that the synchronous entry made.

    Those have the id of a turn, and no conversation that they could tell of: each ends with the entry's own message.
    """
    said = {one.detail.partition(SAYS)[2] for one in history.of(FaultFired) if _name(one) == SYNC_ENTRY}
    return _judged(history, lambda call: not any(one and one in _last(call) for one in said))


def _judged(history: History, keeps: Callable[[UpstreamCall], bool]) -> Iterable[Finding]:
    """What the universal invariant finds, of those calls."""
    kept = (one for one in history.records if not isinstance(one, UpstreamCall) or keeps(one))
    return INVARIANTS.get(HISTORY)(replace(history, records=tuple(kept)))


def _began_s(call: UpstreamCall, history: History) -> float:
    """When the turn began that made a call; of a call that nobody is known to have made, the call itself."""
    return min((turn.at_s for turn in history.turns if made_by(turn, call)), default=call.at_s)


def _last(call: UpstreamCall) -> str:
    """What a call ends with."""
    return str(call.messages[-1].get("content")) if call.messages else ""


def _name(fired: FaultFired) -> str:
    """The fault that fired, under whichever number it is declared."""
    return fired.fault.partition("#")[0]
