"""Lines that belong together: a message that goes on over more lines, and a traceback."""

import copy
import re
from collections.abc import Callable
from typing import Any, Self

from harness.logs.forms import LEVEL_FIRST

BLOCK_CHARS_MAX = 16 * 2**20
"""A block that has so many characters ends, so that no log makes the reader hold more."""

_PLAIN = re.compile(
    r"(?P<indent>[ \t]*+)(?P<group>\+ )?(?:Exception Group )?Traceback \(most recent call last\):\s*+"
)
_BOX = re.compile(r"[╭+][─-]++ Traceback \(most recent call last\) [─-]++[╮+]\s*+")
_CHAINED = re.compile(
    r"\s*+(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):\s*+"
)
_EXCEPTION = re.compile(r"[A-Za-z_][\w.<>]*+(?::.*+)?", re.DOTALL)
_MESSAGE_GOES_ON = re.compile(r"[ \t]|Stack \(most recent call last\):|[\])},;]++\s*+$|={79}\s*+$")
_IN_GROUP = re.compile(r"[ \t]*+[|+]")
_LAST_IN_GROUP = re.compile(r"[ \t]*+\+-{30,}+\s*+")


def begins_traceback(plain: str) -> bool:
    """Whether a traceback begins with the line: Python's own, one of a group, or one that Rich draws a box around."""
    return "Traceback (most recent" in plain and bool(_PLAIN.fullmatch(plain) or _BOX.fullmatch(plain))


class Block:
    """One line and those that belong to it; by itself, none do. Blank lines count only where more of it follow."""

    def __init__(self, text: str, values: dict[str, Any] | None = None) -> None:
        self._lines = [text]
        self._blank: list[str] = []
        self._values = values or {}
        self._chars = len(text)

    def takes(self, text: str, plain: str) -> bool:
        """Take the line, where it belongs here; `plain` is its text without colours."""
        self._chars += len(text) + 1
        if self._chars > BLOCK_CHARS_MAX:
            return False
        if not text.strip():
            self._blank.append(text)
            return True
        if not self._goes_on(plain):
            return False
        self._lines += [*self._blank, text]
        self._blank.clear()
        return True

    def values(self) -> dict[str, Any]:
        """The text of all lines, and what the first one says."""
        return {**self._values, "text": "\n".join(self._lines)}

    def _goes_on(self, plain: str) -> bool:  # noqa: ARG002  # one line stands alone
        return False


class Message(Block):
    """A message with what is indented below it, its stack, and the brackets that close at the left."""

    def _goes_on(self, plain: str) -> bool:
        return bool(_MESSAGE_GOES_ON.match(plain)) and not begins_traceback(plain)


class Traceback(Block):
    """A traceback up to the line of its exception, with the tracebacks that are chained to it.

    `fields["exception"]` is that line; of one that breaks off, the last that there is.
    """

    def __init__(self, text: str, plain: str, values: dict[str, Any] | None = None) -> None:
        super().__init__(text, values)
        self._exception: str | None = None
        self._last = plain
        self._indent = ""
        self._next: Callable[[str], bool] = self._in_frames
        self._begin(plain)

    def values(self) -> dict[str, Any]:
        """The text, and the line of the exception as a field."""
        values = super().values()
        exception = self._exception or self._last.strip()
        return {**values, "fields": {**values.get("fields", {}), "exception": exception}}

    @property
    def torn(self) -> bool:
        """Whether it broke off before the line of its exception, or before the last of its group."""
        return self._exception is None or (self._grouped and not _LAST_IN_GROUP.fullmatch(self._last))

    def rest(self, text: str, plain: str) -> Self | None:
        """What is left of one that is torn, where the line goes on with it after others came between."""
        if self._grouped and not _IN_GROUP.match(plain):
            return None
        rest = copy.copy(self)
        Block.__init__(rest, text)
        # A bound method is copied with the one that it is bound to.
        rest._next = getattr(rest, self._next.__name__)
        return rest if rest._goes_on(plain) else None

    def _goes_on(self, plain: str) -> bool:
        taken = self._next(plain)
        if taken:
            self._last = plain
        return taken

    def _begin(self, plain: str) -> None:
        """Whether frames, a group or a box follow is said by the first line."""
        self._exception = None
        self._grouped = False
        if _BOX.fullmatch(plain):
            self._next = self._in_box
        elif match := _PLAIN.fullmatch(plain):
            self._indent = match["indent"]
            self._grouped = match["group"] is not None
            self._next = self._in_group if self._grouped else self._in_frames

    def _in_frames(self, plain: str) -> bool:
        """Frames are indented below the first line; what no longer is must be the exception."""
        rest = plain[len(self._indent) :]
        if not plain.startswith(self._indent):
            return False
        return rest[:1] in (" ", "\t") or self._at_exception(rest)

    def _in_group(self, plain: str) -> bool:
        """Each line of a group has a bar or a corner at its left; the group's own exception is the first without indent."""
        if not _IN_GROUP.match(plain) or begins_traceback(plain):
            return self._at_end(plain)
        rest = plain.removeprefix(f"{self._indent}| ")
        if self._exception is None and rest != plain and rest[:1].strip():
            self._exception = rest.rstrip()
        return True

    def _in_box(self, plain: str) -> bool:
        """Each line of a box begins with its border, the last with its corner."""
        if plain[:1] in ("╰", "+"):
            self._next = self._below_box
            return True
        return plain[:1] in ("│", "|")

    def _below_box(self, plain: str) -> bool:
        """The exception stands below the box; below one inside a group nothing does."""
        return (self._exception is None and self._at_exception(plain)) or self._at_end(plain)

    def _at_exception(self, plain: str) -> bool:
        """Take the line of the exception."""
        if not _EXCEPTION.fullmatch(plain) or LEVEL_FIRST.match(plain):
            return False
        self._exception = plain.rstrip()
        self._next = self._at_end
        return True

    def _at_end(self, plain: str) -> bool:
        """After the exception: indented lines of its message, a chained traceback, or the boxes of a group."""
        if begins_traceback(plain):
            return False
        if _CHAINED.fullmatch(plain):
            self._next = self._chained
            return True
        if plain[:1] == "╭":
            self._next = self._in_box
            return True
        return plain[:1] in (" ", "\t") and not self._blank

    def _chained(self, plain: str) -> bool:
        """What follows the line between two tracebacks is the second."""
        if not begins_traceback(plain):
            return False
        self._begin(plain)
        return True
