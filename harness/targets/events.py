"""Server-sent events, as WHATWG's HTML standard has a client read them, and what stands in the answer to a turn."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harness.rig import Incoming
from harness.targets.pointers import pointed

EVENT_STREAM = "text/event-stream"
_LINE_END = re.compile(r"\r\n|\n|\r")


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each with its name under `event` and its data, parsed where it is JSON, under `data`.

    An event that the stream ends in the middle of is none, as the standard says.
    """
    return [{"event": name, "data": value_of(data)} for name, data in _dispatched(stream)]


def _dispatched(stream: bytes) -> Iterator[tuple[str, str]]:
    """Name and data of each event that was ended by an empty line."""
    name, data = "", list[str]()
    *lines, _unended = _LINE_END.split(stream.decode(errors="replace").removeprefix("\ufeff"))
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield name or "message", "\n".join(data)
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def value_of(text: bytes | str) -> Any:
    """JSON where it is JSON, else text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text if isinstance(text, str) else text.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answered:
    """The body of an answer: JSON where it is JSON, else text; of an event stream, its events."""

    body: Any
    is_stream: bool

    @classmethod
    def of(cls, incoming: Incoming) -> "Answered":
        """What came back."""
        media = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == EVENT_STREAM:
            return cls(events(incoming.body), is_stream=True)
        return cls(value_of(incoming.body) if incoming.body else None, is_stream=False)

    def first(self, pointer: str) -> Any:
        """What the pointer finds; of events, in the data of the first one in which it finds anything."""
        return next((found for _, found in self._found(pointer)), None)

    def reply(self, pointer: str) -> str | None:
        """The text that the pointer finds.

        Of events that each hold a piece, all in one; where the last one that holds any is of another name, such as
        `done`, or says again what the pieces were, it is the whole.
        """
        texts = [(name, text) for name, text in self._found(pointer) if isinstance(text, str)]
        if not texts:
            return None
        *pieces, (name, last) = texts
        together = "".join(text for _, text in pieces)
        is_whole = pieces and (name not in {name for name, _ in pieces} or last == together)
        return last if is_whole else together + last

    def _found(self, pointer: str) -> Iterator[tuple[str, Any]]:
        """All that the pointer finds, each with the name of its event."""
        documents: list[Mapping[str, Any]] = (
            self.body if self.is_stream else [{"event": "", "data": self.body}]
        )
        for document in documents:
            if (found := pointed(document["data"], pointer)) is not None:
                yield document["event"], found
