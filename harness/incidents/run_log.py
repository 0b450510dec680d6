"""The log of a run as an incident's would look: with the lines of a server, which a simulated run has not."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from harness.history import Exchange, History, LogRecord
from harness.logs import parse

BEGUN = (
    "INFO:     Started server process [1]",
    "INFO:     Waiting for application startup.",
    "INFO:     Application startup complete.",
    "INFO:     Uvicorn running on http://127.0.0.1:0 (Press CTRL+C to quit)",
)
ENDED = (
    "INFO:     Shutting down",
    "INFO:     Waiting for application shutdown.",
    "INFO:     Application shutdown complete.",
    "INFO:     Finished server process [1]",
)
"""What uvicorn says of itself: no incident, and in every log that begins or ends with its process."""

LIFECYCLE = (*parse(BEGUN), *parse(ENDED))
"""The same as records."""


def run_log(history: History) -> tuple[LogRecord, ...]:
    """The target's log; one without lines of access gets those that a server in front of it would have written."""
    written = history.logs
    if any(record.source == "access" for record in written):
        return written
    return (*LIFECYCLE[: len(BEGUN)], *written, *_access(history), *LIFECYCLE[len(BEGUN) :])


def _access(history: History) -> Iterator[LogRecord]:
    """One line for each answer that began."""
    answered = [one for one in history.exchanges if one.status is not None]
    for exchange, record in zip(answered, parse(map(_line, answered)), strict=True):
        known = exchange.request_id if history.header.contract.request_ids else None
        yield replace(record, request_id=known)


def _line(exchange: Exchange) -> str:
    """An answer, in the words of uvicorn."""
    status = exchange.status or 0
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return f'INFO:     127.0.0.1:0 - "{exchange.method} {exchange.path} HTTP/1.1" {status} {phrase}'
