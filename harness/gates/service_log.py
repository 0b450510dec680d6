"""The log of a service under load: what stands in it, counted by the phase in which it was written, in numbers that add up."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history import LogRecord

EVENTS_MAX = 1_000
OTHER_EVENTS = "(any further event)"
"""Under this name events are counted together, once so many different ones were seen."""

_STATUS = re.compile(r"\bstatus_code=(\d{3})\b")


@dataclass(slots=True, kw_only=True)
class LogCell:
    """Lines of a log. `texts` counts the lines that hold a text which was asked for, `statuses` those that tell of one.

    Of the requests that were `compared` with it, `misreported` ones are not told of once, as they ended, and
    `unclassified` ones were answered with a 200 and are not classified once. `examples` has the first of each that a gate
    may name.
    """

    lines: int = 0
    compared: int = 0
    misreported: int = 0
    unclassified: int = 0
    events: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, record: LogRecord, texts: Iterable[str]) -> None:
        """Count one record, and whether any of these texts is in it, whatever its form."""
        self.lines += 1
        for text in texts:
            if text in record.text:
                self.texts[text] += 1
                self.example(text, str(record))
        if (status := _status(record)) is not None:
            self.statuses[status] += 1
            self.example(f"status_code={status}", str(record))
        if record.event is not None:
            known = record.event in self.events or len(self.events) < EVENTS_MAX
            self.events[record.event if known else OTHER_EVENTS] += 1
            self.example(record.event, str(record), most=EVENTS_MAX)

    def example(self, name: str, told: str, *, most: int = 2 * EVENTS_MAX) -> None:
        """Keep the first of a name as evidence, if there is room."""
        if name not in self.examples and len(self.examples) < most:
            self.examples[name] = told

    def merge(self, other: "LogCell") -> None:
        """Count all of another, too."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name, told in other.examples.items():
            self.example(name, told)

    def packed(self) -> dict[str, Any]:
        """The cell as JSON can carry it; equal cells are equal text."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        counters = {
            name: {str(key): count for key, count in sorted(getattr(self, name).items())}
            for name in _COUNTERS
        }
        return {**numbers, **counters, "examples": dict(sorted(self.examples.items()))}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> "LogCell":
        """What `packed` packed."""
        return cls(
            **{name: int(packed[name]) for name in _NUMBERS},
            events=Counter({event: int(count) for event, count in packed["events"].items()}),
            texts=Counter({text: int(count) for text, count in packed["texts"].items()}),
            statuses=Counter({int(status): int(count) for status, count in packed["statuses"].items()}),
            examples=dict(packed["examples"]),
        )


_NUMBERS = ("lines", "compared", "misreported", "unclassified")
_COUNTERS = ("events", "texts", "statuses")


def _status(record: LogRecord) -> int | None:
    """The status that a line tells of, as a field or, in a line of no known format, as `status_code=500`."""
    status = record.fields.get("status_code")
    if type(status) is int:
        return status
    match = _STATUS.search(record.text)
    return int(match[1]) if match else None
