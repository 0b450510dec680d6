"""What may be wrong with a turn's template, and at which line of its file each key stands."""

import os
import re
from collections.abc import Iterator

from harness.targets.template import VARIABLE, TurnTemplate, placeholders

METHODS = ("POST", "PUT", "PATCH")
Complaint = tuple[str, object, str]
"""A key, whether it is wrong, and what is to be said of it then."""


def wrong_turn(turn: TurnTemplate) -> Iterator[Complaint]:
    """What may be wrong with a turn."""
    found = placeholders(turn.body)
    unknown = sorted(found - {"message", "session", "stream"})
    yield "turn.body", "message" not in found, "[turn] body: {message} must stand somewhere in it"
    yield (
        "turn.body",
        unknown,
        f"[turn] body: only {{message}}, {{session}} and {{stream}} are known, not {unknown}",
    )
    yield (
        "turn.method",
        turn.method not in METHODS,
        f"[turn] method = {turn.method!r}: a turn is sent by {', '.join(METHODS)}",
    )
    for name in ("session", "reply"):
        pointer = getattr(turn, name)
        wrong = pointer and not pointer.startswith("/")
        yield f"turn.{name}", wrong, f"[turn] {name} = {pointer!r}: a JSON pointer begins with /"
    for name in ("path", "state"):
        path = getattr(turn, name)
        wrong = path is not None and not path.startswith("/")
        yield f"turn.{name}", wrong, f"[turn] {name} = {path!r}: a path begins with /"
    for name, value in turn.headers.items():
        missing = [word for word in VARIABLE.findall(value) if word not in os.environ]
        yield (
            "turn.headers",
            missing,
            f"[turn] headers: {name} = {value!r}, and the environment has no {', '.join(missing)}",
        )


def wrong_places(*, store_template: str, log: str, url: str) -> Iterator[Complaint]:
    """What may be wrong with the places of the store and of the log."""
    for key, value in (("store_template", store_template), ("log", log)):
        unknown = ", ".join(f"{{{name}}}" for name in sorted(placeholders(value) - {"directory"}))
        yield key, unknown, f"{key} = {value!r}: unknown {unknown}; there is {{directory}}"
    yield (
        "log",
        url and "{directory}" in log,
        f"log = {log!r}: {{directory}} means nothing with url: name the file that the service writes to",
    )


def lines_of(text: str) -> dict[str, int]:
    """At which line each key of a TOML document stands, `table.key`, and each table; good enough to point there."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([\w.]+)\]", line):
            table = f"{header[1]}."
            found.setdefault(header[1], number)
        elif key := re.match(r"\s*([\w.]+)\s*=", line):
            found.setdefault(f"{table}{key[1]}", number)
    return found
