"""Requests, counted by scenario, endpoint and phase: all that a gate needs, in numbers that add up.

A generator counts what it sent in a second, and what it counted is merged: by the parts of a run, by generators, by
whatever a gate is about. Equal requests give equal cells, however many generators shared them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.gates.criterion import Scope
from harness.gates.durations import Durations

EXAMPLES_MAX = 3
"""So many requests of each kind that went wrong are kept as evidence."""

Key = tuple[str, str, str]
"""Scenario, endpoint and phase."""


@dataclass(slots=True, kw_only=True)
class Cell:
    """Requests of one kind. `statuses` counts their answers, 0 where none arrived; `failed` are all but the 200s.

    `shed` were turned away as declared, 503 with Retry-After. `latency` counts from when a request was due, `service`
    from when it was sent, `first_token` from due to the first of a stream; all only of those that were answered with a 200.
    `slowest` names the one that took longest, `failed_most_us` is how long the slowest of all others took. `first_us` is when
    the first was due and `last_us` when the last ended, in microseconds of the run. `later` turns were not the first of their conversation, `forgotten` ones were answered as another than they were.
    """

    requests: int = 0
    failed: int = 0
    shed: int = 0
    later: int = 0
    forgotten: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    latency: Durations = field(default_factory=Durations)
    service: Durations = field(default_factory=Durations)
    first_token: Durations = field(default_factory=Durations)
    slowest: str = ""
    failed_most_us: int = 0
    first_us: int | None = None
    last_us: int = 0
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """How many got an answer, whatever it was."""
        return self.requests - self.statuses[0]

    @property
    def succeeded(self) -> int:
        """How many were answered with a status of the 200s."""
        return self.requests - self.failed

    @property
    def span_s(self) -> float:
        """From when the first was due until the last had ended, in seconds."""
        return 0.0 if self.first_us is None else (self.last_us - self.first_us) / 1e6

    def ended(self, at_us: int, latency_us: int) -> None:
        """A request ended then, so long after it was due."""
        due_us = at_us - latency_us
        if self.first_us is None or due_us < self.first_us:
            self.first_us = due_us
        self.last_us = max(self.last_us, at_us)

    def example(self, kind: str, told: str) -> None:
        """Keep one request as evidence of what went wrong, if there is room."""
        known = self.examples.get(kind, ())
        if len(known) < EXAMPLES_MAX:
            self.examples[kind] = (*known, told)

    def merge(self, other: "Cell") -> None:
        """Count all of another cell, too."""
        if other.latency.most_us > self.latency.most_us or not self.slowest:
            self.slowest = other.slowest
        self.failed_most_us = max(self.failed_most_us, other.failed_most_us)
        self.last_us = max(self.last_us, other.last_us)
        self.first_us = min((one for one in (self.first_us, other.first_us) if one is not None), default=None)
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name in _DURATIONS:
            getattr(self, name).merge(getattr(other, name))
        for kind, told in other.examples.items():
            for one in told:
                self.example(kind, one)

    def packed(self) -> dict[str, Any]:
        """The cell as JSON can carry it; equal cells are equal text."""
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "methods": dict(sorted(self.methods.items())),
            **{name: getattr(self, name).packed() for name in _DURATIONS},
            "slowest": self.slowest,
            "failed_most_us": self.failed_most_us,
            "first_us": self.first_us,
            "last_us": self.last_us,
            "examples": {kind: list(told) for kind, told in sorted(self.examples.items())},
        }

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> "Cell":
        """What `packed` packed."""
        return cls(
            requests=packed["requests"],
            failed=packed["failed"],
            shed=packed["shed"],
            later=packed["later"],
            forgotten=packed["forgotten"],
            statuses=Counter({int(status): int(count) for status, count in packed["statuses"].items()}),
            methods=Counter({method: int(count) for method, count in packed["methods"].items()}),
            latency=Durations.unpacked(packed["latency"]),
            service=Durations.unpacked(packed["service"]),
            first_token=Durations.unpacked(packed["first_token"]),
            slowest=packed["slowest"],
            failed_most_us=packed["failed_most_us"],
            first_us=packed["first_us"],
            last_us=packed["last_us"],
            examples={kind: tuple(told) for kind, told in packed["examples"].items()},
        )


_NUMBERS = ("requests", "failed", "shed", "later", "forgotten")
_COUNTERS = ("statuses", "methods")
_DURATIONS = ("latency", "service", "first_token")


@dataclass(slots=True, kw_only=True)
class Cells:
    """All cells of a run, by their keys."""

    by_key: dict[Key, Cell] = field(default_factory=dict)

    def of(self, key: Key) -> Cell:
        """The cell of a key, empty where nothing was counted."""
        if (cell := self.by_key.get(key)) is None:
            cell = self.by_key[key] = Cell()
        return cell

    def merge(self, others: Iterable[tuple[Key, Cell]]) -> None:
        """Count other cells, too."""
        for key, cell in others:
            self.of(key).merge(cell)

    def within(self, scope: Scope) -> Cell:
        """All that a scope holds, as one cell, in the order of the keys: not in that in which they came."""
        whole = Cell()
        for key in sorted(self.by_key):
            if scope.holds(*key):
                whole.merge(self.by_key[key])
        return whole

    def packed(self) -> list[list[Any]]:
        """The cells as JSON can carry them, by their keys."""
        return [[*key, self.by_key[key].packed()] for key in sorted(self.by_key)]


def unpacked(packed: Iterable[list[Any]]) -> Iterator[tuple[Key, Cell]]:
    """What `Cells.packed` packed."""
    for scenario, endpoint, phase, cell in packed:
        yield (scenario, endpoint, phase), Cell.unpacked(cell)
