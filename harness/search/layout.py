"""Lays literals and calls out as the formatter of the house does: on one line, or one part a line."""

import math
from collections.abc import Callable
from dataclasses import dataclass

INDENT = 4


@dataclass(frozen=True, slots=True)
class Group:
    """What stands in brackets: its parts, each behind a prefix such as `name=`."""

    begin: str
    parts: "tuple[tuple[str, Node], ...]"
    end: str


Node = str | Group
"""A group, or what stands on one line whatever its length."""


def laid_out(prefix: str, node: Node, *, width: int, indent: int = 0, after: int = 0) -> str:
    """The text of a node behind a prefix, in lines of at most `width` where that can be; `after` follows it there."""
    flat = prefix + _flat(node)
    if isinstance(node, str) or not node.parts or indent + len(flat) + after <= width:
        return flat
    deeper = indent + INDENT
    lines = [f"{laid_out(name, part, width=width, indent=deeper, after=1)}," for name, part in node.parts]
    blank = "\n" + " " * deeper
    return f"{prefix}{node.begin}{blank}{blank.join(lines)}\n{' ' * indent}{node.end}"


def _flat(node: Node) -> str:
    """A node on one line."""
    if isinstance(node, str):
        return node
    alone = "," if node.begin == "(" and len(node.parts) == 1 else ""
    return f"{node.begin}{', '.join(name + _flat(part) for name, part in node.parts)}{alone}{node.end}"


def atom(value: float | str | bytes | None) -> str:
    """A literal; of a subclass, such as a member of an enumeration, the plain value that it is equal to."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        # There is no literal for these.
        return float.__repr__(value) if math.isfinite(value) else f'float("{float.__repr__(value)}")'
    if isinstance(value, bytes):
        return f"b{_quoted(bytes.decode(value, 'latin-1'), escaped=lambda part: repr(part.encode('latin-1'))[2:-1])}"
    return _quoted(str.__str__(value), escaped=lambda part: repr(part)[1:-1])


def _quoted(text: str, *, escaped: Callable[[str], str]) -> str:
    """In double quotes, or in single ones where that needs fewer escapes; `escaped` knows nothing of quotes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + f"\\{quote}".join(escaped(part) for part in text.split(quote)) + quote
