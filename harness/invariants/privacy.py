"""What users write stays out of the log."""

from collections.abc import Iterable

from harness.history import LOGS, WIRE, History
from harness.registry import invariant
from harness.verdict import Finding


@invariant("logs.message_text_private", witnesses={WIRE, LOGS}, promises=("message_text_private",))
def message_text_private(history: History) -> Iterable[Finding]:
    """No line of the log, of whoever wrote it, holds a word of a user's message; the first line of each turn is shown.

    Only turns that carry a canary can show it. The line itself is not repeated: reports are passed on.
    """
    canaries = {turn.canary for turn in history.turns if turn.canary}
    for record in history.logs:
        told = sorted(canary for canary in canaries if canary in record.text)
        canaries.difference_update(told)
        for canary in told:
            message = f"the log holds a user's text: {canary}, which was said to the service alone"
            place = f"{record.source} log line {record.line}, event {record.event}"
            yield Finding(message=message, evidence=place)
