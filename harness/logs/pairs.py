"""A line cut into words and `key=value` pairs, as structlog's renderers and logfmt write them.

A value is a quoted string, a container or an object's `repr` with whatever blanks it holds inside its brackets, or
else all up to the next blank.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.logs.values import STRING, unquoted, value_of

FAILURES_MAX = 4
"""In so many values of a line a bracket may turn out not to close; those that follow end at the next blank.

Each costs a look at the rest of the line, so that their number keeps the scanner linear.
"""

TOKENS_MAX = 50_000
"""A line has no more; what is left of one of megabytes is one word."""

_KEY = re.compile(r"([\w@$][\w.@$-]*+)=")
_WORD = re.compile(r"[\w@$][\w.@$-]*+")
_SPECIAL = re.compile(r"""[\[\](){}>'" ]|<(?=[A-Za-z_(])""")
_QUOTES = ("'", '"')
_CLOSERS = {"[": "]", "(": ")", "{": "}", "<": ">"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A pair, or a word where `key` is None; `start` is its place in the line.

    `text` is the value as text: what stands between the quotes, or all of it as it stands.
    """

    start: int
    key: str | None
    text: str
    value: Any
    quoted: bool = False

    @property
    def flag(self) -> bool:
        """Whether it is a word that may be the name of something that is so."""
        return self.key is None and (self.quoted or _WORD.fullmatch(self.text) is not None)


def tokens(line: str) -> list[Token]:
    """All pairs and words of a line, in order."""
    return list(_scan(line))


def run_of_pairs(found: list[Token]) -> int:
    """The index from which on there are pairs alone."""
    index = len(found)
    while index and found[index - 1].key is not None:
        index -= 1
    return index


def _scan(line: str) -> Iterator[Token]:
    """The tokens; words are set apart by blanks, and a tab may stand within one, as logfmt leaves it there."""
    position, failures, count = 0, 0, 0
    while position < len(line):
        if line[position] == " ":
            position += 1
            continue
        if (count := count + 1) > TOKENS_MAX:
            yield _token(line[position:], start=position, key=None)
            return
        key = _KEY.match(line, position)
        begin = key.end() if key else position
        end = _quoted(line, begin) if line.startswith(_QUOTES if key else '"', begin) else None
        if end is None and key and failures < FAILURES_MAX:
            end = _balanced(line, begin)
            failures += end is None
        end = _blank(line, begin) if end is None else end
        yield _token(line[begin:end], start=position, key=key[1] if key else None)
        position = end


def _token(text: str, *, start: int, key: str | None) -> Token:
    """The token of a text that is whole."""
    if STRING.fullmatch(text) and (key is not None or text[0] == '"'):
        text = unquoted(text)
        return Token(start=start, key=key, text=text, value=text, quoted=True)
    return Token(start=start, key=key, text=text, value=text if key is None else value_of(text))


def _quoted(line: str, begin: int) -> int | None:
    """Where the quoted string ends that begins here; None where it is no whole token.

    No look passes over the quote that begins another token, so all looks together are linear.
    """
    string = STRING.match(line, begin)
    return string.end() if string and line[string.end() : string.end() + 1] in ("", " ") else None


def _blank(line: str, begin: int) -> int:
    """Where the next blank is, or the line ends."""
    found = line.find(" ", begin)
    return found if found >= 0 else len(line)


def _balanced(line: str, begin: int) -> int | None:
    """Where the next blank is that stands in no brackets; None where one does not close, or not in its order."""
    closers: list[str] = []
    position = begin
    while special := _SPECIAL.search(line, position):
        sign, position = special[0], special.end()
        if sign in _CLOSERS:
            closers.append(_CLOSERS[sign])
        elif not closers:
            if sign == " ":
                return special.start()
        elif sign in _QUOTES:
            if (string := STRING.match(line, special.start())) is None:
                return None
            position = string.end()
        elif sign == closers[-1]:
            closers.pop()
        elif sign not in " >":
            return None
    return None if closers else len(line)
