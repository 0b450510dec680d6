"""The completion records of a service whose log carries no request ids, against what the wire saw: by their number."""

from collections import Counter
from collections.abc import Iterable

from harness.history import LOGS, WIRE, History
from harness.reading import contradicts, failed_late, is_owed, logged_status
from harness.registry import invariant
from harness.verdict import Finding


@invariant("logs.counts_agree_with_wire", witnesses={WIRE, LOGS}, promises=("completion_event",))
def counts_agree_with_wire(history: History) -> Iterable[Finding]:
    """Of each status there are as many completion records as turns that were answered so, and none contradicts itself.

    A stream that failed behind its 200 may be logged as no success. There may be more records, as other requests have
    theirs, and one that names no status may be of any. Where a log carries the ids of its requests,
    `logs.agree_with_wire` holds each record to its own.
    """
    contract = history.header.contract
    if contract.request_ids:
        return
    records = [record for record in history.logs if record.event == contract.completion_event]
    logged = Counter(logged_status(record.fields) for record in records)
    whole = [turn for turn in history.turns if turn.role != "beside" and turn.error is None]
    answered = Counter(turn.status for turn in whole if is_owed(turn, history))
    for status, count in answered.items():
        if logged[status] + logged[None] < count:
            of_it = [turn for turn in whole if turn.status == status]
            # A stream that failed behind its good status is the first to be logged with another one.
            last = max(of_it, key=lambda turn: (failed_late(turn), turn.at_s))
            failed = sum(map(failed_late, of_it))
            streams = (
                f"; {failed} are streams that failed later: log the status that was sent" if failed else ""
            )
            message = f"{count} turns were answered with {status}, {logged[status]} completion records say so{streams}"
            yield Finding(message=message, evidence=str(last))
    late = sum(map(failed_late, history.exchanges))
    for record in (one for one in records if contradicts(one.fields)):
        excused = record.fields["success"] is False and late > 0
        late -= excused
        if not excused:
            success = record.fields["success"]
            message = f"logged success={success} with status {logged_status(record.fields)}"
            yield Finding(message=message, evidence=str(record))
