"""What the server writes of its own accord, while the app runs behind it: no session id in it, and no waiting for it.

uvicorn's loggers print paths, and the path of a session holds its id, which is a credential. And a line written
straight to standard output stops the service as soon as nobody reads it, whoever writes it.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import unquote

from reference_app.security import digest, short
from reference_app.sink import Sink

_SESSIONS = "/sessions/"


@contextmanager
def tamed(output: Sink) -> Iterator[None]:
    """Within the block the server's lines name sessions by their short hash, and access lines go to `output`."""
    # An upgrade that is refused is told by the other logger, with its path.
    loggers = [logging.getLogger(name) for name in ("uvicorn.access", "uvicorn.error")]
    printing = [
        handler
        for handler in loggers[0].handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout
    ]
    # A filter of its own: another app of this process must not take it away.
    lines, mask = _Lines(output), partial(masked)
    for logger in loggers:
        logger.addFilter(mask)
    for handler in printing:
        handler.setStream(lines)
    try:
        yield
    finally:
        for handler in printing:
            handler.setStream(sys.stdout)
        for logger in loggers:
            logger.removeFilter(mask)


def masked(record: logging.LogRecord) -> bool:
    """Replace what stands after `/sessions/` in a record's arguments by the hash that the app's own log has."""
    if isinstance(record.args, tuple) and not hasattr(record, "masked"):
        record.masked = True
        record.args = tuple(_masked(value) if isinstance(value, str) else value for value in record.args)
    return True


def _masked(path: str) -> str:
    """The path without the id; what follows the id goes too, for it may be a part of it."""
    before, found, session_id = path.partition(_SESSIONS)
    return f"{before}{found}{short(digest(unquote(session_id.partition('?')[0])))}" if found else path


class _Lines:
    """A text stream for a logging handler, which writes a line by one call."""

    def __init__(self, output: Sink) -> None:
        self._output = output

    def write(self, text: str) -> None:
        self._output.write(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        self._output.flush()
