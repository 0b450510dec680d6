"""A JSON object read while it is still being written: each value once it has ended, and one text as it grows.

It reads what `json.loads` reads (RFC 8259, with NaN and the infinities) of a flat object with known keys. What it
cannot read ends it in silence: the whole text is checked at its end, by `answers`, and that check alone decides.
"""

import json
import re
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]
"""A part of the reading; it yields wherever it needs the next piece."""

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_WORD = re.compile(r"[-+.\w]*", re.ASCII)
_CODE = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HIGH, _LOW, _BEYOND = 0xD800, 0xDC00, 0xE000
_PLANE = 0x10000


class PartialObject:
    """One object; `fields` holds the values under `keys` that have ended, and `feed` gives what is new under `text`.

    Numbers are floats. A key that comes twice, one that is not known, or a value that is a list or an object ends
    the reading, as does whatever is no JSON, a lone surrogate included. The cost is linear in what is fed.
    """

    def __init__(self, *, keys: frozenset[str], text: str) -> None:
        self.fields: dict[str, object] = {}
        self._awaited = {*keys, text}
        self._text = text
        self._grown: list[str] = []
        self._piece = ""
        self._at = 0
        self._steps: Steps[None] | None = self._object()
        next(self._steps)

    def feed(self, piece: str) -> str:
        """Read on, and return by how much the text has grown; a piece may end anywhere, within an escape too."""
        self._piece, self._at = piece, 0
        if self._steps is not None:
            try:
                next(self._steps)
            except (StopIteration, ValueError):
                self._steps = None
        grown = "".join(self._grown)
        self._grown.clear()
        return grown

    def _object(self) -> Steps[None]:
        """The object, to its closing brace; raises ValueError where it is none."""
        yield from self._expect("{")
        mark = ","
        while mark == ",":
            yield from self._expect('"')
            letters: list[str] = []
            yield from self._string(letters)
            key = "".join(letters)
            if key not in self._awaited:
                raise ValueError("a key that is not known, or that came before")
            self._awaited.remove(key)
            yield from self._expect(":")
            if key == self._text:
                yield from self._expect('"')
                yield from self._string(self._grown)
            else:
                self.fields[key] = yield from self._value()
            mark = yield from self._mark()

    def _value(self) -> Steps[object]:
        """A string, or a number or word, which has ended only where something else follows it."""
        letters: list[str] = []
        yield from self._run(_SPACE, [])
        if self._piece[self._at] == '"':
            self._at += 1
            yield from self._string(letters)
            return "".join(letters)
        yield from self._run(_WORD, letters)
        value: object = json.loads("".join(letters), parse_int=float)
        return value

    def _string(self, letters: list[str]) -> Steps[None]:
        """The rest of a string after its opening quote, into `letters` as it comes."""
        while True:
            yield from self._run(_PLAIN, letters)
            mark = yield from self._one()
            if mark == '"':
                return
            if mark != "\\":
                raise ValueError("a control character within a string")
            letters.append((yield from self._escaped()))

    def _escaped(self) -> Steps[str]:
        """The character that an escape stands for; two escapes where it is beyond the first plane."""
        kind = yield from self._one()
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        code = yield from self._code(kind)
        if _HIGH <= code < _LOW:
            if (yield from self._one()) != "\\":
                raise ValueError("half of a pair")
            low = yield from self._code((yield from self._one()))
            if not _LOW <= low < _BEYOND:
                raise ValueError("half of a pair")
            return chr(_PLANE + ((code - _HIGH) << 10 | (low - _LOW)))
        if _LOW <= code < _BEYOND:
            raise ValueError("half of a pair")
        return chr(code)

    def _code(self, kind: str) -> Steps[int]:
        """The number in an escape, whose kind must be `u`."""
        if kind != "u":
            raise ValueError("an escape that there is not")
        digits = ""
        for _ in range(4):
            digits += yield from self._one()
        if _CODE.fullmatch(digits) is None:
            raise ValueError("an escape without a number")
        return int(digits, 16)

    def _expect(self, mark: str) -> Steps[None]:
        if (yield from self._mark()) != mark:
            raise ValueError(f"something else than {mark}")

    def _mark(self) -> Steps[str]:
        """The next character that is not blank."""
        yield from self._run(_SPACE, [])
        return (yield from self._one())

    def _one(self) -> Steps[str]:
        """The next character."""
        while self._at == len(self._piece):
            yield
        self._at += 1
        return self._piece[self._at - 1]

    def _run(self, pattern: re.Pattern[str], letters: list[str]) -> Steps[None]:
        """All that matches, over as many pieces as it takes; afterwards there is a next character."""
        while True:
            found = pattern.match(self._piece, self._at)
            assert found is not None, "the patterns match the empty text too"
            letters.append(found.group())
            self._at = found.end()
            if self._at < len(self._piece):
                return
            yield
