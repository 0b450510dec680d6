"""From the text of a value to a Python value: JSON words, numbers, and Python's literals, as far as a record can keep them.

What cannot be stored (sets, bytes, integers over 64 bits, what nests too deep) stays text. Every step is linear in the
text and its depth is bounded, so no line can exhaust the reader.
"""

import re
from collections.abc import Callable
from typing import Any

DEPTH_MAX = 50
_INTEGERS = range(-(2**63), 2**64)
_INTEGER_DIGITS_MAX = 20
_WORDS = {"true": True, "True": True, "false": False, "False": False, "None": None, "null": None}
_NUMBER = re.compile(r"(?P<integer>-?(?:0|[1-9][0-9]*+))(?P<rest>(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)")
_ATOM = re.compile(r"[\w.+-]++")
_GAP = re.compile(r"\s*+")
STRING = re.compile(r"""'(?:[^'\\]++|\\.)*+'|"(?:[^"\\]++|\\.)*+\"""", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0"}
_ITSELF = "\\'\"/"
_CODE_POINT_MAX = 0x10FFFF
_SURROGATE = re.compile("[\ud800-\udfff]")


_STATUSES = frozenset(("status_code", "status", "http_status"))
_FLAGS = frozenset(("success", "complete", "replayed"))
_STATUS = re.compile(r"[1-9][0-9]{2}(?:\.0)?")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class NotALiteral(Exception):
    """The text is no literal that a record can keep."""


def value_of(text: str) -> Any:
    """The value of an unquoted text; the text itself where it is no other value."""
    if not text:
        return text
    try:
        if text[0] not in "[{(":
            return _atom(text)
        value, end = _literal(text, 0, DEPTH_MAX)
    except NotALiteral:
        return text
    return value if end == len(text) else text


def stated(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, of which a status is a number and a flag a truth value, however they were written.

    JSON may hold `"500"`, `500.0`, `"true"` or `1`, of which the other formats make no difference. What is no status or
    no flag stays as it is.
    """
    for name in _STATUSES & fields.keys():
        if isinstance(value := fields[name], str | float) and _STATUS.fullmatch(str(value)):
            fields[name] = int(str(value)[:3])
    for name in _FLAGS & fields.keys():
        if isinstance(value := fields[name], str | float | int):
            fields[name] = _TRUTHS.get(str(value).lower().removesuffix(".0"), value)
    return fields


def unquoted(literal: str) -> str:
    """The string between the quotes, with the escapes of Python, JSON and logfmt; an unknown one stays as it is."""
    inner = literal[1:-1]
    if "\\" not in inner:
        return inner
    text = _ESCAPE.sub(_escaped, inner)
    if not _SURROGATE.search(text):
        return text
    # JSON writes one character as two surrogates; one that stands alone cannot be stored.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escaped(match: re.Match[str]) -> str:
    """The character that one escape stands for."""
    letter = match[4]
    if letter is None:
        number = int(match[1] or match[2] or match[3], 16)
        return chr(number) if number <= _CODE_POINT_MAX else match[0]
    if letter in _ITSELF:
        return str(letter)
    return _LETTERS.get(letter, match[0])


def _atom(text: str) -> Any:
    """A word that is a value, or a number.

    Raises:
        NotALiteral: it is neither.
    """
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise NotALiteral
    number = float(text) if match["rest"] else _integer(text)
    if number in (float("inf"), float("-inf")):
        raise NotALiteral
    return number


def _integer(text: str) -> int:
    """An integer of 64 bits.

    Raises:
        NotALiteral: it is larger.
    """
    if len(text) > _INTEGER_DIGITS_MAX or int(text) not in _INTEGERS:
        raise NotALiteral
    return int(text)


def _literal(text: str, start: int, depth: int) -> tuple[Any, int]:
    """The literal at `start`, and where it ends.

    Raises:
        NotALiteral: none stands there, or it nests deeper than `depth`.
    """
    if string := STRING.match(text, start):
        return unquoted(string[0]), string.end()
    if atom := _ATOM.match(text, start):
        return _atom(atom[0]), atom.end()
    reader = _CONTAINERS.get(text[start : start + 1])
    if reader is None or depth == 0:
        raise NotALiteral
    return reader(text, start + 1, depth - 1)


def _items(text: str, start: int, depth: int, closer: str) -> tuple[list[Any], int]:
    """The literals up to the bracket that closes, and where it ends."""
    items: list[Any] = []
    position = _after_gap(text, start)
    while not text.startswith(closer, position):
        if items:
            position = _after(text, position, ",")
            if text.startswith(closer, position):
                break
        item, position = _literal(text, position, depth)
        items.append(item)
        position = _after_gap(text, position)
    return items, position + 1


def _list(text: str, start: int, depth: int) -> tuple[list[Any], int]:
    return _items(text, start, depth, "]")


def _tuple(text: str, start: int, depth: int) -> tuple[Any, int]:
    """A tuple; one item without a comma is a value in brackets, which no `repr` writes."""
    items, end = _items(text, start, depth, ")")
    if len(items) == 1 and text[start : end - 1].rstrip()[-1:] != ",":
        raise NotALiteral
    return tuple(items), end


def _dict(text: str, start: int, depth: int) -> tuple[dict[Any, Any], int]:
    """A dictionary whose keys are no containers; a set is none."""
    values: dict[Any, Any] = {}
    position = _after_gap(text, start)
    while not text.startswith("}", position):
        if values:
            position = _after(text, position, ",")
        key, position = _literal(text, position, 0)
        position = _after(text, _after_gap(text, position), ":")
        values[key], position = _literal(text, position, depth)
        position = _after_gap(text, position)
    return values, position + 1


def _after_gap(text: str, start: int) -> int:
    """Where the blanks at `start` end."""
    gap = _GAP.match(text, start)
    return gap.end() if gap else start


def _after(text: str, start: int, mark: str) -> int:
    """Where what follows the mark begins.

    Raises:
        NotALiteral: the mark does not stand there.
    """
    if not text.startswith(mark, start):
        raise NotALiteral
    return _after_gap(text, start + len(mark))


_CONTAINERS: dict[str, Callable[[str, int, int], tuple[Any, int]]] = {"[": _list, "(": _tuple, "{": _dict}
