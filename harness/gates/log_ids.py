"""Ids of requests that a log gives to more than one request: lines of several sessions, or completions of several statuses."""

from collections import OrderedDict
from dataclasses import dataclass, field

from harness.gates.log_fields import Ended, request_of, session_of
from harness.history import LogRecord

REMEMBERED_MAX = 65_536
"""So many ids are remembered at most: the one that came first is forgotten where there would be more."""


@dataclass(slots=True)
class _Told:
    """What the lines of one id have told."""

    session: str = ""
    status: int | None = None
    doubtful: bool = False


@dataclass(slots=True)
class Ids:
    """The ids of the last requests, and how many of all were `doubtful`: one of two requests cannot be told from one."""

    session_names: tuple[str, ...] = ()
    doubtful: int = 0
    _told: OrderedDict[str, _Told] = field(default_factory=OrderedDict)

    def add(self, record: LogRecord, *, completes: bool) -> None:
        """Take a line of the service's own, and its status where it `completes` a request."""
        if not (request := request_of(record)):
            return
        told = self._told.get(request)
        if told is None:
            if len(self._told) >= REMEMBERED_MAX:
                # The first of a plain dict is found behind all who were forgotten before.
                self._told.popitem(last=False)
            told = self._told[request] = _Told()
        session = session_of(record.fields, self.session_names) or told.session
        ended = Ended.of(record.fields) if completes else None
        status = told.status if ended is None else ended.status
        differs = told.session not in ("", session) or told.status not in (None, status)
        told.session, told.status = session, status
        self.doubtful += differs and not told.doubtful
        told.doubtful |= differs
