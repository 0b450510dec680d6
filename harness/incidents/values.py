"""What of a value says something about a request: flags, states and statuses; numbers, ids and texts are masked."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from math import floor, isfinite, isnan, log10
from typing import Any

MASKED = "*"
"""What stands for a value that is another one in every request."""

_DEPTH_MAX = 4
_ITEMS_MAX = 20
FIELDS_MAX = 100
"""So many fields of a line say something; one with more is a dump."""
_STATUS_KEY = re.compile(r"(?:^|[_.-])(?:status|code)(?:$|[_.-])|^status|http_?code", re.IGNORECASE)
_STATUSES = range(100, 600)
_NAME = re.compile(r"[a-z]+(?:_[a-z]+)+")
_WORD = re.compile(r"[A-Za-z][A-Za-z_:/.-]{0,39}")
_EXCEPTION = re.compile(r"(?:\w++\.)*+([A-Z]\w*+)(?::\s|\s*$|\()")
_CLASS = re.compile(r"[A-Z]\w*(?:Error|Exception|Timeout|Warning|Interrupt|Exit|Group|Cancelled)")
_ROUTE = re.compile(r"/[\w./{}*-]*")
_SEGMENT = re.compile(r"(?<=/)[^/]*\d[^/]*")
_VARYING = re.compile(
    r"""https?://\S+|"[^"]*"|'[^']*'|\b[0-9a-f]{8,}\b|\b[0-9A-Z]{6,}\b|0x[0-9a-fA-F]+|(?<![\w.+-])[\w.+-]++@[\w.-]+"""
)
_DIGIT = re.compile(r"\d")
_TEMPLATE_WORDS_MAX = 12

TEXT_CHARS_MAX = 2_000
"""So many characters of a text say what it is about: a line of megabytes costs no more than one of these."""


def decisive(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of a line as pairs of a key and a canonical value; nested ones have keys with dots.

    A list of names says of each that it is so, as a flag does.
    """
    for key, value in islice(fields.items(), FIELDS_MAX):
        yield from _pairs(str(key), value, _DEPTH_MAX)


def is_status(key: str, value: Any) -> bool:
    """Whether a value is a status of HTTP, by the name of its key and its size."""
    plain = isinstance(value, int) and not isinstance(value, bool)
    return plain and value in _STATUSES and _STATUS_KEY.search(key) is not None


def is_route(text: str) -> bool:
    """Whether a canonical value is a route or a path."""
    return text.startswith("/") and _ROUTE.fullmatch(text) is not None


def template(text: str) -> str:
    """A message with all that varies masked: numbers, ids, addresses and what stands in quotes."""
    words = _VARYING.sub(MASKED, text[:TEXT_CHARS_MAX]).split()[:_TEMPLATE_WORDS_MAX]
    return " ".join(MASKED if _DIGIT.search(word) else word for word in words)


def exception_class(line: str) -> str:
    """The class of the exception that the last line of a traceback names, without its module; else empty."""
    found = _EXCEPTION.match(line[:TEXT_CHARS_MAX].strip())
    return found[1] if found else ""


def _pairs(key: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """The pairs of one field."""
    if isinstance(value, Mapping) and depth:
        for name, held in list(value.items())[:_ITEMS_MAX]:
            yield from _pairs(f"{key}.{name}", held, depth - 1)
    elif isinstance(value, list | tuple) and depth:
        if not value:
            yield key, "[]"
        for held in value[:_ITEMS_MAX]:
            named = isinstance(held, str) and _NAME.fullmatch(held)
            yield from _pairs(held if named else f"{key}[]", True if named else held, depth - 1)
    elif isinstance(value, str):
        yield from _texts(key, value[:TEXT_CHARS_MAX])
    else:
        yield key, _scalar(key, value)


def _scalar(key: str, value: Any) -> str:
    """A flag and a status as they are; of other numbers the magnitude, or that they are nothing or without an end."""
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    if isinstance(value, int):
        return str(value) if value == 0 or is_status(key, value) else MASKED
    if isinstance(value, float) and not isfinite(value):
        return "no number" if isnan(value) else "infinite"
    if isinstance(value, float) and value > 0:
        return f"~1e{floor(log10(value))}"
    return MASKED


def _texts(key: str, text: str) -> Iterator[tuple[str, str]]:
    """A word or a route as it is; a message as a message, by the class it begins with, and by its words."""
    if not text:
        yield key, "empty"
    elif _ROUTE.fullmatch(text):
        yield key, _SEGMENT.sub(MASKED, text)
    elif _WORD.fullmatch(text):
        yield key, text
    elif " " in text.strip():
        yield key, "text"
        if (found := exception_class(text)) and _CLASS.fullmatch(found):
            yield key, found
        if "\n" not in text:
            yield key, f"text {template(text)}"
    else:
        yield key, MASKED
