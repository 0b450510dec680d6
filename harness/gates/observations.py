"""What the gates judge: requests as their client saw them and log lines, counted once.

The counts are all that is kept of a log, so that a long run costs memory by request and not by line.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from harness.history import Contract, LogRecord

CLASSIFIED = "intent_classification_success"
"""The event of the monitoring plan that a classified turn leaves in the log."""

_STATUS = re.compile(r"\bstatus_code=(\d{3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSent:
    """One turn as its client saw it; times are seconds of one monotonic clock.

    `status` is None where no answer arrived, and `error` then says why. `turn` is the number that the client
    expects (1 is the first of a conversation), `turn_seen` the one in the answer. `method` and `degraded` are the
    answer's own words; `retry_after` tells whether the answer carried that header.
    """

    request_id: str
    endpoint: str
    status: int | None
    started_s: float
    ended_s: float
    turn: int
    turn_seen: int | None = None
    method: str | None = None
    degraded: bool | None = None
    retry_after: bool = False
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Answered with a status of the 200s."""
        return self.status is not None and self.status // 100 == HTTPStatus.OK // 100

    @property
    def shed(self) -> bool:
        """Turned away as declared: 503 with Retry-After."""
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE and self.retry_after

    @property
    def broken(self) -> bool:
        """Answered with a 5xx that is no declared shedding."""
        return self.status is not None and self.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not self.shed

    @property
    def elapsed_s(self) -> float:
        """Seconds until the answer was read; endless where none came, however soon that was known."""
        return math.inf if self.status is None else self.ended_s - self.started_s

    def __str__(self) -> str:
        """The turn as evidence."""
        outcome = self.error if self.status is None else self.status
        return f"{self.request_id} turn {self.turn} -> {outcome} after {self.ended_s - self.started_s:.3f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What one completion record of the log says of its request."""

    status: Any
    success: Any
    complete: bool

    @property
    def lies(self) -> bool:
        """True where `success` is not what follows from the status sent and from its being sent whole."""
        return self.success is not (
            isinstance(self.status, int) and self.status < HTTPStatus.BAD_REQUEST and self.complete
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTally:
    """A log, counted: lines, events, logged status codes, watched texts, and what is told by request id.

    `examples` has the first line of each event and of each watched text, as evidence. `mute` says why the log cannot
    testify, where it cannot: it is empty, or lacks every record that its service promises.
    """

    lines: int
    events: Mapping[str, int]
    statuses: Mapping[int, int]
    texts: Mapping[str, int]
    completions: Mapping[str, tuple[Completion, ...]]
    classified: Mapping[str, int]
    examples: Mapping[str, str]
    mute: str | None = None

    @classmethod
    def of(cls, records: Iterable[LogRecord], contract: Contract, texts: Iterable[str] = ()) -> "LogTally":
        """Count a log; `texts` are looked for in every line, whatever its format."""
        watched = Counter(dict.fromkeys(texts, 0))
        lines, events, statuses, classified = 0, Counter[str](), Counter[int](), Counter[str]()
        completions: defaultdict[str, tuple[Completion, ...]] = defaultdict(tuple)
        examples: dict[str, str] = {}
        for record in records:
            lines += 1
            for text in watched:
                if text in record.text:
                    watched[text] += 1
                    examples.setdefault(text, str(record))
            if (status := _status(record)) is not None:
                statuses[status] += 1
                examples.setdefault(f"status_code={status}", str(record))
            if record.event is None:
                continue
            events[record.event] += 1
            examples.setdefault(record.event, str(record))
            if record.request_id is None:
                continue
            if record.event == contract.completion_event:
                completions[record.request_id] += (_completion(record),)
            elif record.event == CLASSIFIED:
                classified[record.request_id] += 1
        return cls(
            lines=lines,
            events=events,
            statuses=statuses,
            texts=watched,
            completions=dict(completions),
            classified=classified,
            examples=examples,
            mute=_mute(lines, events, contract),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """All that one run has seen: every turn sent, in the order of the answers, and the log, or None without one."""

    turns: tuple[TurnSent, ...]
    log: LogTally | None


def _status(record: LogRecord) -> int | None:
    """The status that a line tells of, as a field or, in a line of no known format, as `status_code=500`."""
    status = record.fields.get("status_code")
    if isinstance(status, int):
        return status
    match = _STATUS.search(record.text)
    return int(match[1]) if match else None


def _mute(lines: int, events: Mapping[str, int], contract: Contract) -> str | None:
    """Why a log cannot testify, or None; the lines of a server around the service are no word of the service."""
    if not lines:
        return "the log is empty"
    if contract.completion_event is not None and not events.get(contract.completion_event):
        return f"the log has no {contract.completion_event} in {lines:,} lines"
    return None


def _completion(record: LogRecord) -> Completion:
    """The completion that a record tells of."""
    fields = record.fields
    return Completion(
        status=fields.get("status_code"),
        success=fields.get("success"),
        complete=bool(fields.get("complete", True)),
    )
