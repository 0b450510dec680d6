"""Half turns: a message that was kept although its client got no answer, and no answer to it."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import PROVIDER, SNAPSHOTS, WIRE, History, Snapshot
from harness.reading import answered_ok
from harness.registry import invariant
from harness.verdict import Finding


@invariant("sessions.turns_whole", witnesses={SNAPSHOTS})
def turns_whole(history: History) -> Iterable[Finding]:
    """Every turn that is stored of a session has a message and an answer to it, whatever became of its client."""
    for snapshot in history.of(Snapshot):
        readable = snapshot.status == HTTPStatus.OK and isinstance(snapshot.data, dict)
        if not (readable and snapshot.name.startswith("session:")):
            continue
        for turn in snapshot.data.get("turns", []):
            missing = [part for part in ("message", "response") if not str(turn.get(part) or "").strip()]
            if missing:
                message = f"{snapshot.name}: turn {turn.get('turn')} is stored without its {missing[0]}"
                yield Finding(message=message, evidence=f"snapshot at {snapshot.at_s:.3f} s: {turn}")


@invariant("sessions.told_whole", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def told_whole(history: History) -> Iterable[Finding]:
    """What the provider is told of an earlier turn that nobody was answered, it is told with an answer to it.

    A service may tell nothing of such a turn, or tell it with what it would have answered. Of one that never tells what
    it answered nothing is asked.
    """
    calls = [call for call in history.calls if call.level == "conversation"]
    if not any(said.get("role") == "assistant" for call in calls for said in call.messages):
        return
    answered = {turn.canary for turn in history.turns if answered_ok(turn)}
    unanswered = {turn.canary for turn in history.turns if turn.canary} - answered
    for call in calls:
        for said, following in zip(call.messages, call.messages[1:], strict=False):
            text = str(said.get("content"))
            half = said.get("role") == "user" and any(canary in text for canary in unanswered)
            closed = following.get("role") == "assistant" and str(following.get("content") or "").strip()
            if half and not closed:
                yield Finding(message=f"told of a turn without its answer: {text}", evidence=str(call))
