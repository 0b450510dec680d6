"""Server-sent events, read and written (WHATWG HTML, "Server-sent events")."""

import re
from collections.abc import Iterable

MEDIA_TYPE = "text/event-stream"
WELL_ENDED = b"event: done\n"
"""How the last part of our streams begins where the answer is complete; any other end is a failure's."""
_LINE_END = re.compile(rb"\r\n|\n|\r")


def is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """True where the headers of an answer, by ASGI, say that it is a stream of events."""
    return any(name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in headers)


def event(name: str, data: bytes) -> bytes:
    """One event; `data` is JSON on one line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode("ascii"), data)


class EventReader:
    """Finds the events in a stream of bytes, which may be cut anywhere, within a character too.

    An event without the blank line that ends it is none. What is kept is not bounded here: who feeds it counts.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._after_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that ends in this piece; an event without any is left out."""
        if self._after_return:
            if piece:
                self._after_return = False
            piece = piece.removeprefix(b"\n")
        if piece.endswith(b"\r"):
            self._after_return = True
        events: list[bytes] = []
        *ended, rest = _LINE_END.split(piece)
        for part in ended:
            self._line.append(part)
            self._take(b"".join(self._line), events)
            self._line.clear()
        self._line.append(rest)
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        """One line: the blank one ends an event; of the others only `data` matters here."""
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
        elif self._data:
            events.append(b"\n".join(self._data))
            self._data.clear()
