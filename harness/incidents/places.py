"""What of two lines speaks for one request: method, path and status where they are told, and how far they are apart."""

import re
from collections.abc import Iterable, Sequence

from harness.history import LogRecord
from harness.incidents.values import is_status
from harness.logs.clock import seconds

_METHOD_KEYS = ("method", "http_method", "request_method")
_PATH_KEYS = ("path", "route", "http_path", "request_path")
_PLACEHOLDER = re.compile(r"\\{[^/]*\\}")
_UNSHAPED = re.compile(r"[\d.,]++")


def statuses_of(records: Iterable[LogRecord]) -> frozenset[int]:
    """The statuses of HTTP that lines name."""
    return frozenset(
        value for record in records for key, value in record.fields.items() if is_status(key, value)
    )


def same_status(records: Iterable[LogRecord], others: Iterable[LogRecord]) -> bool:
    """Whether lines name the same statuses, as far as they name any."""
    one, other = statuses_of(records), statuses_of(others)
    return not one or not other or one == other


def routes_of(records: Iterable[LogRecord]) -> frozenset[str]:
    """The paths, or routes with their placeholders, that lines name, without what was asked for behind them."""
    found = (_first(record, _PATH_KEYS).partition("?")[0] for record in records)
    return frozenset(path for path in found if path.startswith("/"))


def same_route(records: Sequence[LogRecord], access: LogRecord) -> bool:
    """Whether lines of a request may be of the same method and path as an access line: what is not told may."""
    methods = {_first(record, _METHOD_KEYS).upper() for record in records} - {""}
    if methods and _first(access, _METHOD_KEYS).upper() not in methods:
        return False
    routes = routes_of(records)
    return not routes or any(_leads(route, path) for route in routes for path in routes_of([access]))


def gap_s(records: Sequence[LogRecord], record: LogRecord) -> float:
    """How many seconds after the last of some lines that has a time another was written; 0 where that is not told.

    Times of two forms are not compared: each may be of a zone of its own.
    """
    if record.timestamp is None:
        return 0.0
    before = next((one.timestamp for one in reversed(records) if one.timestamp is not None), None)
    if before is None or _UNSHAPED.sub("", before) != _UNSHAPED.sub("", record.timestamp):
        return 0.0
    begun_s, now_s = seconds(before), seconds(record.timestamp)
    return now_s - begun_s if begun_s is not None and now_s is not None else 0.0


def _leads(route: str, path: str) -> bool:
    """Whether a path is of a route; an app may be mounted under a path, which its routes do not tell."""
    return re.fullmatch(f"(?:/[^/]+)*?{_PLACEHOLDER.sub('[^/]+', re.escape(route))}", path) is not None


def _first(record: LogRecord, keys: Sequence[str]) -> str:
    """The text of the first of the keys that has one."""
    return next((value for key in keys if isinstance(value := record.fields.get(key), str)), "")
