"""What the fields of a log record say of a request, under the names that services commonly use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from harness.history import LogRecord
from harness.reading import logged_status

_METHODS = ("classification_method", "method", "level")
_REQUESTS = ("request_id", "x_request_id", "correlation_id", "trace_id", "traceid", "req_id")
_SESSIONS = (
    "session_id", "session", "conversation_id", "conversation", "thread_id", "chat_id", "dialog_id", "conv_id", "sid",
    "sessionId", "conversationId", "threadId", "chatId",
)  # fmt: skip
_PATHS = ("route", "path", "endpoint", "url")
UNNAMED = "(unnamed)"
CLASSIFIED = "intent_classification_success"
"""The event of the monitoring plan that a classified turn leaves in the log."""

_UNITS_S = {"_us": 1e-6, "_ms": 1e-3, "_milliseconds": 1e-3, "_s": 1.0, "_sec": 1.0, "_seconds": 1.0}
_MEASURES = (
    "duration", "elapsed", "latency", "execution_time", "response_time", "request_time", "process_time", "took",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """The field that says how long a request took, and what its unit is in seconds."""

    name: str
    unit_s: float
    assumed: bool = False

    def read(self, fields: Mapping[str, Any]) -> float | None:
        """Seconds; None where the field is not there, or holds no time."""
        value = fields.get(self.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            return None
        return value * self.unit_s

    def __str__(self) -> str:
        """The field with its unit, and where that comes from."""
        unit = {1e-6: "microseconds", 1e-3: "milliseconds"}.get(self.unit_s, "seconds")
        return f"{self.name} in {unit}" + (", as its name has no unit" if self.assumed else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended, as one record tells it; `success` is None where that is not told."""

    status: int
    success: bool | None = None
    complete: bool = True
    replayed: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Ended | None":
        """What the fields say; None where no status is among them."""
        status = logged_status(fields)
        if status is None:
            return None
        success = fields.get("success")
        return cls(
            status=status,
            success=success if isinstance(success, bool) else None,
            complete=fields.get("complete") is not False,
            replayed=fields.get("replayed") is True,
        )

    @property
    def failed(self) -> bool:
        """A 5xx, or an answer that was begun as a good one and broke off."""
        broke_off = not self.complete and self.status < HTTPStatus.BAD_REQUEST
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or broke_off

    @property
    def owes(self) -> bool:
        """Whether there was work to do for it: it was not refused, and its answer not given before."""
        return self.status // 100 != HTTPStatus.BAD_REQUEST // 100 and not self.replayed

    @property
    def settled(self) -> bool:
        """Answered with a status of the 200s by work of its own: an answer given again has none."""
        return self.status // 100 == HTTPStatus.OK // 100 and not self.replayed


def duration_of(fields: Mapping[str, Any]) -> Duration | None:
    """The first field whose name and value are those of a duration; one that names its unit comes before any other."""
    named = (
        Duration(name=f"{measure}{end}", unit_s=unit)
        for measure in _MEASURES
        for end, unit in _UNITS_S.items()
    )
    bare = (Duration(name=measure, unit_s=1.0, assumed=True) for measure in _MEASURES)
    unit_alone = Duration(name="ms", unit_s=1e-3)
    return next((one for one in (*named, unit_alone, *bare) if one.read(fields) is not None), None)


def is_duration(name: str) -> bool:
    """Whether a field of this name says how long something took."""
    return name == "ms" or any(
        name in (measure, *(f"{measure}{end}" for end in _UNITS_S)) for measure in _MEASURES
    )


def method_of(fields: Mapping[str, Any]) -> str:
    """By which method a turn was classified."""
    return next((found for name in _METHODS if isinstance(found := fields.get(name), str)), UNNAMED)


def request_of(record: LogRecord) -> str:
    """The id of the request that a line belongs to; empty where it names none."""
    return record.request_id or first_of(record.fields, _REQUESTS)


def session_of(fields: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """The id of the conversation that a record belongs to, under one of `names` last; empty where it names none."""
    return first_of(fields, (*_SESSIONS, *names))


def first_of(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of the fields that has a value, as text; `-` is how access logs say that there is none."""
    for name in names:
        if (value := fields.get(name)) not in (None, "", "-"):
            return str(value)
    return ""


def on_path(fields: Mapping[str, Any], path: str) -> bool:
    """Whether a record is of a path; one that names none may be."""
    found = next((found for name in _PATHS if isinstance(found := fields.get(name), str)), path)
    return found.partition("?")[0] == path
