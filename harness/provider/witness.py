"""The provider's own account: every call as it begins, is shaped by a fault, and ends.

It may be told things from several threads and loops at once. Its times come from `now`, in seconds of the run.
"""

import hashlib
import json
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harness.errors import UsageError
from harness.history import UpstreamCall

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "cookie"})
READ_BYTES_MAX = 64 * 1024
"""An answer that is longer than this is not read for its confidence."""


@dataclass(slots=True)
class _Seen:
    """One call, while it lasts and after; it becomes an `UpstreamCall` when the records are asked for."""

    at_s: float
    call: int
    level: str
    request_id: str | None
    messages: tuple[Mapping[str, Any], ...]
    headers: Mapping[str, str]
    in_flight: int
    streamed: bool
    ended_s: float = 0.0
    status: int | None = None
    outcome: str = "open"
    fault: str | None = None
    body: bytes = b""


class Witness:
    """What the provider saw.

    `keep` bounds the memory of a long run: the last `keep` calls that ended are kept whole, and those in flight;
    None keeps all. `counts` (calls by level and outcome) stay exact whatever is kept.

    Raises:
        UsageError: `keep` is negative.
    """

    def __init__(self, *, now: Callable[[], float], keep: int | None = None) -> None:
        if keep is not None and keep < 0:
            raise UsageError(f"keep={keep}: must be at least 0, or None to keep every call")
        self._now = now
        self._lock = threading.Lock()
        self._begun = 0
        self._open: dict[int, _Seen] = {}
        self._ended: deque[_Seen] = deque(maxlen=keep)
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._begun

    @property
    def in_flight(self) -> int:
        """How many calls are in flight now."""
        return len(self._open)

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """Calls that ended, by level and outcome (`answered`, `aborted`); exact, however few are kept."""
        with self._lock:
            return dict(self._counts)

    def begin(
        self,
        *,
        level: str,
        request_id: str | None,
        messages: tuple[Mapping[str, Any], ...],
        headers: Mapping[str, str],
        streamed: bool = False,
    ) -> int:
        """Note that a call has begun; its ordinal, which counts from 1, names it from now on."""
        with self._lock:
            self._begun += 1
            ordinal = self._begun
            self._open[ordinal] = _Seen(
                at_s=self._now(),
                call=ordinal,
                level=level,
                request_id=request_id,
                messages=messages,
                headers=headers,
                in_flight=len(self._open) + 1,
                streamed=streamed,
            )
        return ordinal

    def shaped(self, ordinal: int, fault: str) -> None:
        """Note that a fault shapes the answer to a call, on its way too; of several, all are named, as they acted."""
        with self._lock:
            seen = self._open.get(ordinal) or self._kept(ordinal)
            if seen is not None:
                seen.fault = fault if seen.fault is None else f"{seen.fault}, {fault}"

    def _kept(self, ordinal: int) -> _Seen | None:
        """A call that has ended, if it is kept; the last ones come first, since news is of those."""
        return next((seen for seen in reversed(self._ended) if seen.call == ordinal), None)

    def answered(self, ordinal: int, status: int | None, body: bytes) -> None:
        """Note that a call got its answer; its status is None where that was no HTTP."""
        self._end(ordinal, "answered", status, body)

    def aborted(self, ordinal: int) -> None:
        """Note that a call ended without an answer: its caller went away first, or the link to it was cut."""
        self._end(ordinal, "aborted", None, b"")

    def _end(self, ordinal: int, outcome: str, status: int | None, body: bytes) -> None:
        with self._lock:
            seen = self._open.pop(ordinal)
            seen.ended_s = self._now()
            seen.outcome, seen.status = outcome, status
            if len(body) <= READ_BYTES_MAX:
                seen.body = body
            self._counts[seen.level, outcome] += 1
            self._ended.append(seen)

    def records(self, final: bool = True) -> tuple[UpstreamCall, ...]:
        """The calls that are kept, in the order in which they began.

        With `final` those still in flight are told too, as `open`, and end now.
        """
        with self._lock:
            seen = [*self._ended, *(self._open.values() if final else ())]
            now = self._now()
            return tuple(_record(one, now) for one in sorted(seen, key=lambda one: one.call))


def _record(seen: _Seen, now: float) -> UpstreamCall:
    """A call as a record, its secrets left out."""
    content = _content(seen.body)
    return UpstreamCall(
        at_s=seen.at_s,
        ended_s=now if seen.outcome == "open" else seen.ended_s,
        call=seen.call,
        level=seen.level,
        request_id=seen.request_id,
        messages=seen.messages,
        headers={
            name: _redacted(text) if name in SECRET_HEADERS else text for name, text in seen.headers.items()
        },
        status=seen.status,
        outcome=seen.outcome,
        fault=seen.fault,
        in_flight=seen.in_flight,
        confidence=_confidence(content),
        text=content,
        streamed=seen.streamed,
    )


def _redacted(text: str) -> str:
    """What stands for a secret: 64 bits of the SHA-256 of its last word, by which an oracle knows it where it leaked."""
    return f"[redacted {hashlib.sha256(text.rpartition(' ')[2].encode()).hexdigest()[:16]}]"


def _content(body: bytes) -> str | None:
    """The content of the completion in an answer; None where there is none that is a text."""
    try:
        content = orjson.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, TypeError, LookupError):
        return None
    return content if isinstance(content, str) else None


def _confidence(content: str | None) -> float | None:
    """The confidence that a content carries; None where it carries none, or none that is a finite number."""
    try:
        value = json.loads(content or "")["confidence"]
    except (ValueError, TypeError, LookupError):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
