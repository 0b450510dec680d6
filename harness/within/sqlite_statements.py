"""What kind of operation an SQL statement is, told by its first words, and where a script's statements end."""

import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType

OPEN, READ, WRITE, COMMIT, NOTHING = "open", "read", "write", "commit", ""
IMPLICIT = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE"})
"""Before these the `sqlite3` module begins a transaction by itself, where its `isolation_level` is not None."""

_KINDS = MappingProxyType(
    {
        **dict.fromkeys(("SELECT", "VALUES", "EXPLAIN"), READ),
        **dict.fromkeys((*IMPLICIT, "CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE"), WRITE),
        **dict.fromkeys(("COMMIT", "END"), COMMIT),
    }
)
_LEAD = re.compile(r"(?:[\s;]|--[^\n]*|/\*.*?\*/)*+([A-Za-z]+)(?:\s+([A-Za-z]+))?", re.DOTALL)
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[()]|[A-Za-z_]\w*", re.DOTALL)


@lru_cache(maxsize=1024)
def classified(statement: str) -> tuple[str, str]:
    """The kind of operation that a statement is, and its first word in capitals.

    `BEGIN IMMEDIATE` and `BEGIN EXCLUSIVE` are writes, since they take the lock of the writer. A plain `BEGIN` does
    nothing to the database, nor do `SAVEPOINT`, `RELEASE` and `ROLLBACK`; what they, `PRAGMA`, `ATTACH` and `VACUUM`
    do is no operation.
    """
    found = _LEAD.match(statement)
    if found is None:
        return NOTHING, ""
    word, second = found[1].upper(), (found[2] or "").upper()
    if word == "BEGIN":
        return (WRITE if second in ("IMMEDIATE", "EXCLUSIVE") else NOTHING), word
    if word == "WITH":
        return _KINDS.get(_main_verb(statement), NOTHING), word
    return _KINDS.get(word, NOTHING), word


def _main_verb(statement: str) -> str:
    """Of a statement that begins with `WITH`, the verb behind its common table expressions."""
    depth = 0
    for token in _TOKEN.finditer(statement):
        text = token[0].upper()
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth == 0 and text in _KINDS:
            return text
    return ""


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one after the other; a semicolon in a string or in a trigger ends none."""
    begun = ""
    for piece in script.split(";"):
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            if begun.strip("; \t\r\n"):
                yield begun
            begun = ""
    if begun:
        yield begun  # which SQLite has not seen the end of, and will say so
