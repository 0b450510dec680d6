"""From the records of a log to requests: the lines of one request together, however the log tells them apart."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history import LogRecord
from harness.incidents.values import is_status

OPEN_MAX = 5000
"""So many requests may be open at once; the one that has said nothing for longest is closed before that."""

LINES_MAX = 1000
"""So many lines may belong to one request: more of them are no request, but a log that tells none apart."""

_SILENT_MAX = 16
"""So many completed requests may wait for their access line, which names no request."""

_REQUEST_KEYS = ("request_id", "x_request_id", "correlation_id", "trace_id", "traceid", "req_id")
_SESSION_KEYS = ("session_id", "session", "conversation_id", "conversation", "thread_id", "chat_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The lines of one request, in the order of the log.

    `how` says what held them together: `request` an id, `session` that of a conversation, `adjacent` only their place.
    `key` is the id, or empty. `whole` is false where it was closed because too many were open.
    """

    how: str
    key: str
    records: tuple[LogRecord, ...]
    session: str = ""
    whole: bool = True


@dataclass(slots=True, eq=False)
class _Open:
    """The lines of a request that may still go on."""

    how: str
    key: str
    records: list[LogRecord] = field(default_factory=list)
    session: str = ""
    events: set[str] = field(default_factory=set)
    ended: bool = False

    def add(self, record: LogRecord) -> None:
        """Take a line."""
        self.records.append(record)
        self.session = self.session or session_of(record)
        if record.event:
            self.events.add(record.event)

    def closed(self, *, whole: bool = True) -> Thread:
        """The request as it is told."""
        return Thread(
            how=self.how, key=self.key, records=tuple(self.records), session=self.session, whole=whole
        )


def request_of(record: LogRecord) -> str:
    """The id of the request that a line belongs to; empty where it names none."""
    return record.request_id or _first(record.fields, _REQUEST_KEYS)


def session_of(record: LogRecord) -> str:
    """The id of the conversation that a line belongs to; empty where it names none."""
    return _first(record.fields, _SESSION_KEYS)


def statuses_of(records: Iterable[LogRecord]) -> frozenset[int]:
    """The statuses of HTTP that lines name."""
    return frozenset(
        value for record in records for key, value in record.fields.items() if is_status(key, value)
    )


def ends_request(record: LogRecord, completion: str | None) -> bool:
    """Whether the line is the last that a request means to write: an access line, or its completion."""
    return record.source == "access" or (completion is not None and record.event == completion)


class Threads:
    """Requests out of records, in one pass; `assumptions` says afterwards how lines were put together."""

    def __init__(self, completion: str | None = None, *, open_max: int = OPEN_MAX) -> None:
        self._completion = completion
        self._open_max = open_max
        self._named: OrderedDict[str, _Open] = OrderedDict()
        self._adjacent: _Open | None = None
        self._last: _Open | None = None
        self._silent: deque[_Open] = deque(maxlen=_SILENT_MAX)
        self._counts = dict.fromkeys(("request", "session", "adjacent", "early"), 0)

    def of(self, records: Iterable[LogRecord]) -> Iterator[Thread]:
        """The requests, each as soon as it is known to be over, the rest at the end."""
        for record in records:
            yield from self._take(record)
        yield from self._rest()

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What had to be assumed of lines that name no request, in words."""
        told = []
        if self._counts["session"]:
            told.append(
                f"{self._counts['session']} requests were told apart by their session, as their lines name no request"
            )
        if self._counts["adjacent"]:
            told.append(
                f"{self._counts['adjacent']} requests were told apart by where their lines stand, as these name neither "
                "a request nor a session"
            )
        if self._counts["early"]:
            told.append(
                f"{self._counts['early']} requests were closed early, as too many were open or had too many lines"
            )
        return tuple(told)

    def _take(self, record: LogRecord) -> Iterator[Thread]:
        """Put one line where it belongs; what is over by that."""
        if request := request_of(record):
            held = self._named.setdefault(request, _Open(how="request", key=request))
            self._named.move_to_end(request)
            held.add(record)
            self._last = held
            if ends_request(record, self._completion) and held not in self._silent:
                self._silent.append(held)
            if len(held.records) >= LINES_MAX:
                self._last = None
                yield self._early(request)
            elif len(self._named) > self._open_max:
                yield self._early(next(iter(self._named)))
        elif (beside := self._beside(record)) is not None:
            beside.add(record)
        else:
            yield from self._place(record)

    def _beside(self, record: LogRecord) -> _Open | None:
        """The named request that a line without a name belongs to: an access line, a traceback, or the like."""
        if record.event is not None and record.source != "access":
            return None
        if record.source == "access" and self._silent:
            alike = (held for held in self._silent if statuses_of(held.records) == statuses_of([record]))
            found = next(alike, self._silent[0])
            self._silent.remove(found)
            return found
        last = self._last
        return last if last is not None and last.key and len(last.records) < LINES_MAX else None

    def _early(self, request: str) -> Thread:
        """A request that is closed though more of it may come."""
        held = self._named.pop(request)
        if held in self._silent:
            self._silent.remove(held)
        whole = any(ends_request(one, self._completion) for one in held.records)
        self._counts["early"] += not whole
        return self._counted(held.closed(whole=whole))

    def _place(self, record: LogRecord) -> Iterator[Thread]:
        """Put a line without a request's id beside its neighbours, or begin the next request with it."""
        held = self._adjacent
        if held is not None and self._begins(record, held):
            before, after = self._cut(held, record)
            yield self._counted(before.closed())
            held = after
        self._adjacent = self._last = held or _Open(how="adjacent", key="")
        self._adjacent.add(record)
        self._adjacent.ended |= ends_request(record, self._completion)

    def _cut(self, held: _Open, record: LogRecord) -> tuple[_Open, _Open]:
        """The request that is over, and what stood behind its last line, which belongs to the next."""
        elsewhere = session_of(record) != held.session
        ends = [
            index
            for index, one in enumerate(held.records)
            if ends_request(one, self._completion) or (elsewhere and session_of(one))
        ]
        cut = ends[-1] + 1 if ends else len(held.records)
        before, after = _Open(how="adjacent", key=""), _Open(how="adjacent", key="")
        for part, records in ((before, held.records[:cut]), (after, held.records[cut:])):
            for one in records:
                part.add(one)
        return before, after

    def _begins(self, record: LogRecord, held: _Open) -> bool:
        """Whether the line is one of another request: of another session, or one more of what had ended."""
        session = session_of(record)
        if len(held.records) >= LINES_MAX or (session and held.session and session != held.session):
            return True
        if not held.ended:
            return False
        if record.source == "access":
            return any(one.source == "access" for one in held.records)
        return record.event in held.events

    def _counted(self, thread: Thread) -> Thread:
        how = "session" if thread.how == "adjacent" and thread.session else thread.how
        self._counts[how] += 1
        return thread if how == thread.how else _renamed(thread, how)

    def _rest(self) -> Iterator[Thread]:
        """What was still open at the end of the log."""
        if self._adjacent is not None:
            yield self._counted(self._adjacent.closed())
        for held in self._named.values():
            yield self._counted(held.closed())


def _renamed(thread: Thread, how: str) -> Thread:
    """The same request, held together by its session."""
    return Thread(how=how, key=thread.session, records=thread.records, session=thread.session)


def _first(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of the keys that has a value, as text."""
    for key in keys:
        if (value := fields.get(key)) not in (None, "", "-"):
            return str(value)
    return ""
