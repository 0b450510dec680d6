"""From the lines of one request to its traits: short texts that are the same wherever the same thing happened."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise, product

from harness.history import LogRecord
from harness.incidents.threads import Thread, ends_request
from harness.incidents.values import MASKED, decisive, exception_class, is_route, is_status, template

_GRAVE = {
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "exception": "error",
    "fatal": "critical",
    "critical": "critical",
}
"""The levels that say that something is wrong, under one name each."""

TRAIT_CHARACTERS_MAX = 200
"""So long is a trait at most: a word of a line may be of any length."""

_AGAIN_MAX = 3
STATUSES_MAX = 5
"""A line with more statuses is no line of one request."""
_FRAME = re.compile(r'^[ \t]*File "[^"]*", line \d+, in (\S+)', re.MULTILINE)
_CONTRADICTION = re.compile(
    r"\b\w*status\w*=[45]\d\d with success=true$|\bsuccess=true with \w*status\w*=[45]\d\d$"
    r"|^(?:access line|completion) \d+ but (?:access line|completion) \d+$"
)
_NAMED = re.compile(r"^exception (\w+)|: \w+=([A-Z]\w*(?:Error|Exception|Timeout))$")
_FLAGS = ("true", "false")
_TRACEBACK = "Traceback (most recent call last)"

Trait = tuple[str, LogRecord]
"""A trait as text, and the line that shows it."""


def traits_of(thread: Thread, completion: str | None) -> Iterator[Trait]:
    """All traits of a request, each at least once, with a line that shows it."""
    for record in thread.records:
        for text in line_traits(record):
            yield text, record
    yield from _answered(thread.records, completion)
    yield from _at_odds(thread.records, completion)
    yield from _in_spite(thread.records, completion)
    if thread.how == "request":
        yield from _repeated(thread.records)
        yield from _unfinished(thread, completion)


def contradicts(trait: str) -> bool:
    """Whether a trait says of one request what cannot both be: a success with a status of failure, or two statuses."""
    return _CONTRADICTION.search(trait) is not None


def exceptions_in(traits: Iterable[str]) -> frozenset[str]:
    """The classes of exceptions that traits name, be it in a traceback or in a field."""
    found = (_NAMED.search(trait) for trait in traits)
    return frozenset(match[1] or match[2] for match in found if match)


def orders_of(thread: Thread) -> Iterator[Trait]:
    """What a request wrote next after what, with the line that came second.

    Only of lines that tell when they were written: a log without times may have been put together from several.
    """
    timed = [record for record in thread.records if record.event and record.timestamp is not None]
    for first, second in pairwise(timed) if thread.how == "request" else ():
        before, after = name_of(first), name_of(second)
        if before != after:
            yield f"{before}, then {after}", second


def line_traits(record: LogRecord) -> Iterator[str]:
    """What one line says: its event, its decisive fields, a status beside a flag or a route, an exception."""
    name = name_of(record)
    yield name
    held = _held(record)
    for key, text in held:
        yield f"{name}: {key}={text}"
    beside = [(key, text) for key, text in held if text in _FLAGS or is_route(text)]
    statuses = [(key, value) for key, value in record.fields.items() if is_status(key, value)][:STATUSES_MAX]
    for (key, status), (other, text) in product(statuses, beside):
        yield f"{name}: {key}={status} with {other}={text}"
    yield from _exceptions(record)


def name_of(record: LogRecord) -> str:
    """The event of a line, with its level where that is grave; a line without one by its masked words; cut, too."""
    return _name(record)[:TRAIT_CHARACTERS_MAX]


def _name(record: LogRecord) -> str:
    """The same, as long as it is."""
    if record.source == "access":
        return "access line"
    level = _grave(record)
    grave = f"{level} " if level else ""
    if record.event:
        return grave + template(record.event)
    if "exception" in record.fields:
        return f"{grave}traceback"
    return f"{grave}line: {template(record.text)}"


def _grave(record: LogRecord) -> str:
    """The level of a line where that says that something is wrong, else empty."""
    return _GRAVE.get((record.level or "").lower(), "")


def _held(record: LogRecord) -> list[tuple[str, str]]:
    """The fields of a line that say something."""
    fields = {key: value for key, value in record.fields.items() if _TRACEBACK not in str(value)}
    return [(key, text) for key, text in decisive(fields) if text != MASKED and key != "exception"]


def _exceptions(record: LogRecord) -> Iterator[str]:
    """The class of each traceback's exception, and the function in which it was raised."""
    for key, told in record.fields.items():
        if not isinstance(told, str) or not told.strip() or (key != "exception" and _TRACEBACK not in told):
            continue
        last = told.strip().splitlines()[-1]
        name = exception_class(last) or template(last.partition(":")[0])
        yield f"exception {name}"
        if frames := _FRAME.findall(told if _TRACEBACK in told else record.text):
            yield f"exception {name} in {frames[-1]}"


def _answered(records: Iterable[LogRecord], completion: str | None) -> Iterator[Trait]:
    """The statuses that the last lines of a request name, whoever wrote them."""
    for record in records:
        if ends_request(record, completion):
            for key, value in record.fields.items():
                if is_status(key, value):
                    yield f"answered with {value}", record


def _at_odds(records: Iterable[LogRecord], completion: str | None) -> Iterator[Trait]:
    """Last lines of one request that name different statuses."""
    seen: dict[str, int] = {}
    for record in records:
        if not ends_request(record, completion):
            continue
        kind = "access line" if record.source == "access" else "completion"
        for key, value in record.fields.items():
            if is_status(key, value):
                for other, status in seen.items():
                    if status != value:
                        yield f"{other} {status} but {kind} {value}", record
                seen.setdefault(kind, value)


def _in_spite(records: Iterable[LogRecord], completion: str | None) -> Iterator[Trait]:
    """What the last line of a request says beside a warning or an error of the same request."""
    held = tuple(records)
    grave = {name_of(one) for one in held if _grave(one)}
    for record in held:
        if grave and ends_request(record, completion):
            for name, (key, text) in product(sorted(grave), _held(record)):
                if not is_route(text) and not text.startswith("~"):
                    yield f"{name} and {name_of(record)}: {key}={text}", record


def _repeated(records: Iterable[LogRecord]) -> Iterator[Trait]:
    """What one request wrote more than once."""
    counts: Counter[str] = Counter()
    for record in records:
        name = name_of(record)
        counts[name] += 1
        if 1 < counts[name] <= _AGAIN_MAX:
            more = "or more times" if counts[name] == _AGAIN_MAX else "times"
            yield f"{name}, {counts[name]} {more} in one request", record


def _unfinished(thread: Thread, completion: str | None) -> Iterator[Trait]:
    """A request that never said that it was over."""
    if completion and thread.whole and not any(ends_request(one, completion) for one in thread.records):
        yield "request without completion", thread.records[-1]
