"""What lines that no format knows have in common: their template, in which a mark stands for all that varies.

Varying are numbers, times, addresses, identifiers (also inside of a path) and quoted strings. One mark stands for
each of them, since the same identifier may be all digits once and not the next time.
"""

import heapq
import re
from dataclasses import dataclass

MARK = "<*>"
TEMPLATE_CHARS_MAX = 300
TEMPLATES_MAX = 1_000
_WINDOW_CHARS = 2**15
"""A line's template is made of so many characters at the most, so that a line of megabytes costs little."""

_HEX_DIGITS_MIN = 6
_VARYING = re.compile(
    r"""
    (?P<key>"[A-Za-z_.-]{1,100}"(?=[ ]?:))
    |"(?:[^"\\\n]|\\.){0,1000}+"
    |(?<![\w>'])'[^'\n]{0,1000}+'(?![\w<'])
    |\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d++)?(?:Z\b|[ ]?[+-]\d\d:?\d\d\b)?)?
    |(?<!\w)[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?!\w)
    |(?<![\w:])(?=[a-fA-F:]*+\d)(?=\d*+(?::\d++)*+(?:[a-fA-F]|::))[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}(?!\w)
    |(?<![\w-])(?=[\w-]{16})(?=(?:[\w-]*?[A-Za-z]\d){3})[A-Za-z0-9_-]++
    |(?P<number>(?:(?<![\w.)\]>])[+-])?\d++(?:[.,:]\d++)*+(?:[eE][+-]?\d++(?![A-Za-z0-9]))?)(?P<unit>[A-Za-z0-9]*+)
    |(?P<name>(?<![A-Za-z])[A-Za-z]++)(?P<tail>\d[A-Za-z0-9]*+)
    """,
    re.VERBOSE,
)
_UNITS = frozenset(
    (
        "ns",
        "us",
        "ms",
        "s",
        "min",
        "m",
        "h",
        "d",
        "x",
        "b",
        "B",
        "kb",
        "kB",
        "KB",
        "MB",
        "GB",
        "TB",
        "KiB",
        "MiB",
        "GiB",
    )
)
_HEX = re.compile(r"[0-9a-fA-F]++")
_BETWEEN = ("", " ", ",", ", ")


def template(line: str) -> str:
    """The line with a mark for all that varies, cut at a length; the template of a template is itself."""
    masked = _once(line[:_WINDOW_CHARS])
    # What is masked may bring two quotes together; all else that varies has a digit, and none is left.
    while ('"' in masked or "'" in masked) and (again := _once(masked)) != masked:
        masked = again
    return masked


def _once(text: str) -> str:
    """One pass; marks with nothing but a blank or a comma between them are one, so that a list's length does not count."""
    pieces: list[str] = []
    position = length = 0
    for match in _VARYING.finditer(text):
        gap, mask = text[position : match.start()], _mask(match)
        position = match.end()
        if mask == MARK and gap in _BETWEEN and pieces and pieces[-1].endswith(MARK):
            continue
        pieces.append(gap + mask)
        length += len(pieces[-1])
        if length > TEMPLATE_CHARS_MAX:
            break
    pieces.append(text[position : position + TEMPLATE_CHARS_MAX + 1])
    masked = "".join(pieces)
    return masked if len(masked) <= TEMPLATE_CHARS_MAX else masked[: TEMPLATE_CHARS_MAX - 1] + "…"


def _mask(match: re.Match[str]) -> str:
    """The mark; a key in quotes stays, of a word with a number at its end the name, of a number with a unit the unit."""
    key, number, unit, name, tail = match.groups()
    if key:
        return str(key)
    if name and tail.isdecimal():
        return MARK if len(match[0]) >= _HEX_DIGITS_MIN and _HEX.fullmatch(match[0]) else name + MARK
    if number and unit in _UNITS:
        return MARK + unit
    return MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template, how many lines have it, and the number of the first of them."""

    text: str
    count: int
    line: int


class _Counter:
    """What is known of one template; `inherited` is the rank of the one that it put out."""

    __slots__ = ("count", "inherited", "line")

    def __init__(self, line: int, inherited: int) -> None:
        self.count = 0
        self.line = line
        self.inherited = inherited

    @property
    def rank(self) -> int:
        """No template has more lines than its rank."""
        return self.count + self.inherited


class Templates:
    """Counts templates in bounded memory: a new one puts out that of the lowest rank (Metwally et al. 2005, Space-Saving).

    Each template of more than one in `size` lines is kept. The counts and `rest`, the lines of those that were put
    out, add up to all lines; a template that came back after it was put out counts from there.
    """

    def __init__(self, size: int = TEMPLATES_MAX) -> None:
        self._size = size
        self._counters: dict[str, _Counter] = {}
        self._ranks: list[tuple[int, str]] = []
        self.rest = 0

    def add(self, text: str, line: int) -> None:
        """Count one line of this template."""
        counter = self._counters.get(text)
        if counter is None:
            inherited = self._put_out() if len(self._counters) >= self._size else 0
            counter = self._counters[text] = _Counter(line, inherited)
            heapq.heappush(self._ranks, (counter.rank, text))
        counter.count += 1

    def commonest(self) -> tuple[Template, ...]:
        """The templates that were kept, those of most lines first, then in the order of their first line."""
        found = [
            Template(text=text, count=counter.count, line=counter.line)
            for text, counter in self._counters.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.count, one.line)))

    def _put_out(self) -> int:
        """Forget the template of the lowest rank, and tell that rank; the heap's ranks are brought up to date on the way."""
        while True:
            rank, text = self._ranks[0]
            counter = self._counters[text]
            if counter.rank == rank:
                heapq.heappop(self._ranks)
                del self._counters[text]
                self.rest += counter.count
                return rank
            heapq.heapreplace(self._ranks, (counter.rank, text))
