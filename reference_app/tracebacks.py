"""Tracebacks that may be logged: where it happened and what it was, without quoting what the user sent.

The text of an error often quotes the value that caused it, and that value is often the user's. Only errors by which
the machine refuses (the loop, the system, the database) keep their text.
"""

import sqlite3
import traceback

_MAY_SPEAK = (RuntimeError, OSError, sqlite3.Error)
_WITHHELD = "(text withheld)"


def safe_traceback(error: BaseException | None) -> str:
    """The frames and types of an error and of the errors before it, the first cause first."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        parts.append(_one(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nWhile handling it:\n\n".join(reversed(parts))


def _one(error: BaseException) -> str:
    """One error; those inside a group follow it."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = str(error) if isinstance(error, _MAY_SPEAK) else _WITHHELD
    own = f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}: {text}\n"
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return own + "".join(f"\nIn the group:\n\n{_one(one)}" for one in inner)
