"""`[tool.shakeout]` of the pyproject.toml in the current folder: what a project says once for all commands."""

import tomllib
from pathlib import Path
from typing import Any

from harness.errors import UsageError

KEYS = ("target", "redact", "gates")
PLACE = Path("pyproject.toml")


def target() -> str | None:
    """`target`, where there is one.

    Raises:
        UsageError: the file cannot be read, or this is no text.
    """
    found = _table().get("target")
    if found is None or (isinstance(found, str) and found):
        return found
    raise UsageError(f"{PLACE}: [tool.shakeout] target = {found!r}: a target is a text that names one")


def gates() -> tuple[str, ...]:
    """`gates`, by which a load is judged; empty where there are none.

    Raises:
        UsageError: the file cannot be read, or this is no list of texts.
    """
    found = _table().get("gates", [])
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return tuple(found)
    raise UsageError(f"{PLACE}: [tool.shakeout] gates = {found!r}: gates are a list of texts")


def _table() -> dict[str, Any]:
    """The table; empty where there is none."""
    if not PLACE.is_file():
        return {}
    try:
        table: Any = tomllib.loads(PLACE.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{PLACE}: {error}; mend it, or give --target") from error
    for key in ("tool", "shakeout"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{PLACE}: {key} is no table; write target = '...' under [tool.shakeout]")
    for key in table:
        if key not in KEYS:
            raise UsageError(f"{PLACE}: [tool.shakeout] has no key {key}; there are: {', '.join(KEYS)}")
    return dict(table)
