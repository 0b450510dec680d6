"""What a log calls a success, against how the stream ended of which it says so."""

from collections import defaultdict
from collections.abc import Iterable

from harness.history import LOGS, WIRE, Exchange, History, LogRecord
from harness.reading import ERROR, events, returned_id, says_error
from harness.registry import invariant
from harness.verdict import Finding


@invariant("logs.success_is_whole", witnesses={WIRE, LOGS}, promises=("completion_event", "request_ids"))
def success_is_whole(history: History) -> Iterable[Finding]:
    """No completion record says success of a stream that told its client of an error at its end.

    The status of a stream is sent before its end is known, so that it is not enough to look at. Of requests under one
    id, no more may be successes than did not end so.
    """
    event = history.header.contract.completion_event
    claims: dict[str | None, list[LogRecord]] = defaultdict(list)
    for record in history.logs:
        if record.event == event and record.fields.get("success") is True:
            claims[record.request_id].append(record)
    exchanges: dict[str | None, list[Exchange]] = defaultdict(list)
    for exchange in history.exchanges:
        exchanges[returned_id(exchange) or exchange.request_id].append(exchange)
    for request_id, asked in exchanges.items():
        failed = [exchange for exchange in asked if _ends_with_error(exchange)]
        if failed and len(claims[request_id]) > len(asked) - len(failed):
            message = f"logged as a success, and the stream ended with {ERROR}; {failed[0]}"
            yield Finding(message=message, evidence=str(claims[request_id][0]))


def _ends_with_error(exchange: Exchange) -> bool:
    """True for a stream of which the client read that it failed."""
    return any(map(says_error, events(exchange)[-1:]))
