"""A production log, counted in one pass: what the monitoring plan asks of it, in memory that does not grow with it."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from harness.gates.histogram import Stretches
from harness.gates.log_fields import CLASSIFIED, Duration, Ended, duration_of, method_of, on_path
from harness.gates.log_ids import Ids
from harness.gates.pairs import Pairs
from harness.gates.timeline import Clock, Timeline
from harness.history import Contract, LogRecord
from harness.reading import contradicts

LIMIT_S = 2.0
CONTRADICTION = "completion status contradicts success"
SERVER_ERROR_TEXT = "500 Internal Server Error"
ACCESS = "access"
OWING = "owing"
"""The kind of a timeline that turns are which owe a classification: not refused with a 4xx, and no answer given again."""
METHODS_MAX = 1_000
OTHER_METHODS = "(any further method)"
"""Under this name methods are counted together, once so many different ones were seen."""
SHOWN_MAX = 5


_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}|[0-9]{1,3}")


def most_common(counted: Counter[Any]) -> str:
    """The most frequent of what was counted, each with how often, and how many kinds more there are.

    What is no name, but a text, is not told: a person may have written it.
    """
    shown = [
        f"{name if _NAME.fullmatch(str(name)) else '(a text)'} x {count:,}"
        for name, count in counted.most_common(SHOWN_MAX)
    ]
    rest = len(counted) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


@dataclass(slots=True, kw_only=True)
class Requests:
    """Requests by the status they ended with; `errors` of them ended with a 5xx, or with an answer that broke off.

    `untold` more name no status: any of them may have failed.

    `slow` took `limit_s` or more, or were errors; durations are those of the others, in seconds, in order.
    """

    limit_s: float = LIMIT_S
    statuses: Counter[int] = field(default_factory=Counter)
    errors: int = 0
    untold: int = 0
    timed: int = 0
    slow: int = 0
    slowest_s: float = 0.0
    durations: Stretches = field(default_factory=Stretches)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.statuses.total()

    def of_class(self, hundreds: int) -> int:
        """How many ended with a status of a class: 2 of the 200s."""
        return sum(count for status, count in self.statuses.items() if status // 100 == hundreds)

    def add(self, ended: Ended, took_s: float | None = None) -> None:
        """Count one request."""
        self.statuses[ended.status] += 1
        self.errors += ended.failed
        if took_s is None:
            return
        self.timed += 1
        self.slow += ended.failed or took_s >= self.limit_s
        if not ended.failed:
            self.slowest_s = max(self.slowest_s, took_s)
            self.durations.add(took_s)

    def __str__(self) -> str:
        """The statuses and how often, the most frequent first."""
        return most_common(self.statuses) or "none"


@dataclass(slots=True, kw_only=True)
class LogCounts:
    """The counts of a log so far; `seen` and `examples` hold by name how often, and first where, what may not be was.

    Of completion events and of access lines, those of the contract's turn path are told from all others. `claimed`
    completion events say whether they were a success. Of the turns, `owing` owe a
    classification, of which `timed` say when they were; `settled` were answered with a 200 and not before.
    """

    contract: Contract
    lines: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    turns: Requests = field(default_factory=Requests)
    others: Requests = field(default_factory=Requests)
    access_turns: Requests = field(default_factory=Requests)
    access_others: Requests = field(default_factory=Requests)
    owing: int = 0
    claimed: int = 0
    settled: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    duration: Duration | None = None
    clock: Clock = field(default_factory=Clock)
    timeline: Timeline = field(default_factory=Timeline)
    pairs: Pairs = field(init=False)
    timed: int = 0
    texts: tuple[str, ...] = ()
    ids: Ids = field(init=False)

    def __post_init__(self) -> None:
        """The texts to look for in every line, and no pair yet."""
        self.pairs = Pairs(timeline=self.timeline)
        self.ids = Ids(self.contract.session_names)
        self.texts = (SERVER_ERROR_TEXT, *self.contract.forbidden_texts)

    @classmethod
    def of(cls, records: Iterable[LogRecord], contract: Contract) -> "LogCounts":
        """Count all of a log."""
        counts = cls(contract=contract)
        for record in records:
            counts.add(record)
        return counts

    @property
    def completions(self) -> Requests:
        """The completion events to judge by: those of turns, and all where none is one."""
        return self.turns if self.turns.count else self.others

    @property
    def access(self) -> Requests:
        """The access lines to judge by, in the same way."""
        return self.access_turns if self.access_turns.count else self.access_others

    @property
    def requests(self) -> Requests:
        """The requests to judge by: completion events, and access lines where there are none."""
        return self.completions if self.completions.count else self.access

    @property
    def failures(self) -> Requests:
        """The requests to judge errors by: of the two witnesses the one that tells of more of them, of turns alone."""
        return self.access_turns if self.access_turns.errors > self.requests.errors else self.requests

    @property
    def untold(self) -> int:
        """How many of the completion events to judge by name no status, where others do: a service may name it in access lines."""
        return self.completions.untold if self.completions.count else 0

    @property
    def untold_anywhere(self) -> int:
        """The same of all paths."""
        return self.turns.untold + self.others.untold

    @property
    def elsewhere(self) -> bool:
        """Whether the requests to judge by are of other paths than the contract's: of its turns nothing is known."""
        return bool(self.requests.count) and not (self.turns.count or self.access_turns.count)

    @property
    def classified(self) -> int:
        """How many turns were classified: those with a classification of their own, or as many as there are of it."""
        return self.pairs.found if self.pairs.exact else self.seen[CLASSIFIED]

    @property
    def complete(self) -> bool:
        """Whether every answered turn was classified, as far as the log tells them apart."""
        of_these = self.pairs.answered if self.pairs.exact else self.seen[CLASSIFIED]
        return 0 < self.settled <= of_these

    @property
    def own(self) -> bool:
        """Whether anything in the log is of the service that has this contract."""
        events = (self.contract.completion_event, CLASSIFIED, *self.contract.forbidden_events)
        return any(self.seen[event] for event in events if event) or bool(self.access_turns.count)

    def add(self, record: LogRecord) -> None:
        """Count one record."""
        self.lines += 1
        for text in self.texts:
            if text in record.text:
                self._saw(text, record)
        if record.source == ACCESS:
            self._accessed(record)
        elif record.event is not None:
            self.ids.add(record, completes=record.event == self.contract.completion_event)
            self._told(record, record.event)

    def _told(self, record: LogRecord, event: str) -> None:
        """Count a record of the service's own."""
        if event == self.contract.completion_event:
            self._completed(record, event)
        elif event == CLASSIFIED:
            self._by(method_of(record.fields))
            self._at(CLASSIFIED, record)
            self.pairs.event(record.request_id)
        elif event not in self.contract.forbidden_events:
            return
        self._saw(event, record)

    def _completed(self, record: LogRecord, event: str) -> None:
        """Count a completion event."""
        ended, turn = Ended.of(record.fields), on_path(record.fields, self.contract.turn_path)
        requests = self.turns if turn else self.others
        if ended is None:
            requests.untold += 1
            return
        if self.duration is None:
            self.duration = duration_of(record.fields)
        took_s = self.duration.read(record.fields) if self.duration else None
        requests.add(ended, took_s)
        self.claimed += ended.success is not None
        if contradicts(record.fields):
            self._saw(CONTRADICTION, record)
        if ended.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._saw(f"{event} status_code=500", record)
        if turn:
            self.settled += ended.settled
            if ended.owes:
                self.owing += 1
                at_s = self._at(OWING, record)
                self.timed += at_s is not None
                self.pairs.turn(record.request_id, at_s, settled=ended.settled)

    def _by(self, method: str) -> None:
        """Count a classification by its method; a log may hold any number of them, and that of the contract has its place."""
        known = method in self.methods or len(self.methods) < METHODS_MAX
        named = known or method == self.contract.primary_method
        self.methods[method if named else OTHER_METHODS] += 1

    def _accessed(self, record: LogRecord) -> None:
        """Count an access line."""
        ended = Ended.of(record.fields)
        if ended is not None:
            turn = on_path(record.fields, self.contract.turn_path)
            (self.access_turns if turn else self.access_others).add(ended)
            # Not every server writes the words behind the number.
            if ended.status == HTTPStatus.INTERNAL_SERVER_ERROR and SERVER_ERROR_TEXT not in record.text:
                self._saw(SERVER_ERROR_TEXT, record)

    def _saw(self, name: str, record: LogRecord) -> None:
        """Count one of a name, and keep the first line that showed it."""
        self.seen[name] += 1
        if name not in self.examples:
            self.examples[name] = str(record)

    def _at(self, kind: str, record: LogRecord) -> float | None:
        """Count one of a kind at its time, where it has one; in seconds."""
        at_s = self.clock.read(record.timestamp)
        if at_s is not None:
            self.timeline.add(kind, at_s)
        return at_s
