"""From the records of a log to requests: the lines of one request together, however the log tells them apart."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.gates.log_fields import request_of, session_of
from harness.history import LogRecord
from harness.incidents.places import gap_s, routes_of, same_route, same_status, statuses_of

OPEN_MAX = 5000
"""So many requests may be open at once; the one that has said nothing for longest is closed before that."""

LINES_MAX = 1000
"""So many lines may belong to one request: more of them are no request, but a log that tells none apart."""

GAP_S_MAX = 60.0
"""Lines that name no request and are farther apart are not of one."""

_SILENT_MAX = 16
"""So many completed requests may wait for their access line, which names no request."""


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
    done: list[LogRecord] = field(default_factory=list)
    ended: bool = False

    def add(self, record: LogRecord, session: str) -> None:
        """Take a line, which may name the session."""
        self.records.append(record)
        self.session = self.session or session
        if record.event:
            self.events.add(record.event)

    def closed(self, *, whole: bool = True) -> Thread:
        """The request as it is told."""
        return Thread(
            how=self.how, key=self.key, records=tuple(self.records), session=self.session, whole=whole
        )


def ends_request(record: LogRecord, completion: str | None) -> bool:
    """Whether the line is the last that a request means to write: an access line, or its completion."""
    return record.source == "access" or (completion is not None and record.event == completion)


class Threads:
    """Requests out of records, in one pass; `assumptions` says afterwards how lines were put together."""

    def __init__(
        self, completion: str | None = None, session_names: tuple[str, ...] = (), *, open_max: int = OPEN_MAX
    ) -> None:
        self._completion = completion
        self._session_names = session_names
        self._open_max = open_max
        self._named: OrderedDict[str, _Open] = OrderedDict()
        self._adjacent: _Open | None = None
        self._last: _Open | None = None
        self._silent: deque[_Open] = deque(maxlen=_SILENT_MAX)
        self._owed: deque[list[LogRecord]] = deque(maxlen=_SILENT_MAX)
        self._counts = dict.fromkeys(_TOLD, 0)

    def of(self, records: Iterable[LogRecord]) -> Iterator[Thread]:
        """The requests, each as soon as it is known to be over, the rest at the end."""
        for record in records:
            yield from self._take(record)
        yield from self._rest()

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What had to be assumed of lines that name no request, in words."""
        return tuple(
            told.format(count=count) for how, told in _TOLD.items() if told and (count := self._counts[how])
        )

    def _take(self, record: LogRecord) -> Iterator[Thread]:
        """Put one line where it belongs; what is over by that."""
        if request := request_of(record):
            held = self._named.setdefault(request, _Open(how="request", key=request))
            self._named.move_to_end(request)
            held.add(record, self._session(record))
            self._last = held
            self._await(held, record)
            if len(held.records) >= LINES_MAX:
                self._last = None
                yield self._early(request)
            elif len(self._named) > self._open_max:
                yield self._early(next(iter(self._named)))
        elif (beside := self._beside(record)) is not None:
            beside.add(record, self._session(record))
            self._counts["access" if record.source == "access" else "beside"] += 1
        else:
            yield from self._place(record)

    def _await(self, held: _Open, record: LogRecord) -> None:
        """A request that completed waits for its access line, unless it has it."""
        if record.source == "access":
            if held in self._silent:
                self._silent.remove(held)
        elif ends_request(record, self._completion):
            held.done.append(record)
            if held not in self._silent and not _accessed(held):
                self._silent.append(held)

    def _beside(self, record: LogRecord) -> _Open | None:
        """The named request that a line without a name belongs to: an access line, a traceback, or the like."""
        if record.source == "access":
            return self._answered(record)
        if record.event is not None:
            return None
        last = self._last
        return last if last is not None and last.key and len(last.records) < LINES_MAX else None

    def _answered(self, record: LogRecord) -> _Open | None:
        """The request whose access line it is: one of the same method, path and status, as far as they are told.

        Of another status it may be only where its method and path are told, and no other request waits for such a line.
        """
        if self._completion is None:
            last, told = self._last, statuses_of([record])
            fits = last is not None and last.key and not _accessed(last)
            return last if fits and last and told <= (statuses_of(last.records) or told) else None
        waiting = [held for held in self._silent if same_route(held.done, record)]
        alike = [held for held in waiting if same_status(held.done, [record])]
        if not alike and len(waiting) == 1 and routes_of(waiting[0].done):
            alike = waiting
        if not alike:
            return None
        self._silent.remove(alike[0])
        return alike[0]

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
        late = held is not None and gap_s(held.records, record) > GAP_S_MAX
        if held is not None and (late or self._begins(record, held)):
            before, after = self._cut(held, record)
            yield self._counted(before.closed())
            if not _accessed(before) and (done := _ends(before.records, self._completion)):
                self._owed.append(done)
            self._counts["late"] += late
            if late and after.records:
                yield self._counted(after.closed())
            held = None if late else after
        self._adjacent = held or _Open(how="adjacent", key="")
        if record.source != "access":  # what comes behind one without a name is not of its request
            self._last = self._adjacent
        self._adjacent.add(record, self._session(record))
        self._adjacent.ended |= ends_request(record, self._completion)

    def _cut(self, held: _Open, record: LogRecord) -> tuple[_Open, _Open]:
        """The request that is over, and what stood behind its last line, which belongs to the next."""
        elsewhere = self._session(record) != held.session
        ends = [
            index
            for index, one in enumerate(held.records)
            if ends_request(one, self._completion) or (elsewhere and self._session(one))
        ]
        cut = ends[-1] + 1 if ends else len(held.records)
        before, after = _Open(how="adjacent", key=""), _Open(how="adjacent", key="")
        for part, records in ((before, held.records[:cut]), (after, held.records[cut:])):
            for one in records:
                part.add(one, self._session(one))
        return before, after

    def _begins(self, record: LogRecord, held: _Open) -> bool:
        """Whether the line is one of another request: of another session, or one more of what had ended."""
        session = self._session(record)
        if len(held.records) >= LINES_MAX or (session and held.session and session != held.session):
            return True
        if not held.ended:
            return False
        done = _ends(held.records, self._completion)
        if record.source == "access":
            return _accessed(held) or not same_route(done, record) or self._owes(done, record)
        if _accessed(held) and ends_request(record, self._completion) and not same_status(done, [record]):
            return True
        return record.event in held.events

    def _owes(self, done: list[LogRecord], record: LogRecord) -> bool:
        """Whether an access line of another status than these completions is that of an earlier one, which has none yet."""
        if same_status(done, [record]):
            return False
        fits = (one for one in self._owed if same_route(one, record) and same_status(one, [record]))
        if (found := next(fits, None)) is not None:
            self._owed.remove(found)
        return found is not None

    def _counted(self, thread: Thread) -> Thread:
        how = "session" if thread.how == "adjacent" and thread.session else thread.how
        self._counts[how] += 1
        self._counts["doubtful"] += how == "request" and self._doubtful(thread)
        return thread if how == thread.how else _renamed(thread, how)

    def _doubtful(self, thread: Thread) -> bool:
        """Whether one id has lines of two sessions, or completions with two statuses."""
        sessions = {self._session(one) for one in thread.records} - {""}
        done = [one for one in _ends(thread.records, self._completion) if one.source != "access"]
        return len(sessions) > 1 or len(statuses_of(done)) > 1

    def _session(self, record: LogRecord) -> str:
        """The session that a line names; empty where it names none."""
        return session_of(record.fields, self._session_names)

    def _rest(self) -> Iterator[Thread]:
        """What was still open at the end of the log."""
        if self._adjacent is not None:
            yield self._counted(self._adjacent.closed())
        for held in self._named.values():
            yield self._counted(held.closed())


_TOLD = {
    "request": "",
    "session": "{count} requests were told apart by their session, as their lines name no request",
    "adjacent": "{count} requests were told apart by where their lines stand, as these name neither a request nor a session",
    "access": "{count} access lines name no request: each was taken for that of one of its method, path and status",
    "beside": "{count} lines name no request, such as tracebacks: each was taken for one of the request that wrote before it",
    "late": f"{{count}} requests were taken to be over, as the next line came more than {GAP_S_MAX:.0f} s later",
    "doubtful": "{count} ids of requests have lines of several sessions or of several statuses: they may be several requests",
    "early": "{count} requests were closed early, as too many were open or had too many lines",
}
"""What is assumed, in words, by how lines were put together."""


def _ends(records: Iterable[LogRecord], completion: str | None) -> list[LogRecord]:
    """The lines that end a request."""
    return [one for one in records if ends_request(one, completion)]


def _accessed(held: _Open) -> bool:
    """Whether a request has its access line."""
    return any(one.source == "access" for one in held.records)


def _renamed(thread: Thread, how: str) -> Thread:
    """The same request, held together by its session."""
    return Thread(how=how, key=thread.session, records=thread.records, session=thread.session)
