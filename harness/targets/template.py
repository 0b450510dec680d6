"""How one turn is put: the template of its request, and where in an answer things are."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
"""A variable of the environment in a header."""

DERIVED = {"health_path", "ready_path", "sessions", "session_names", "reply_pointer", "turn_method"}
"""What of a contract follows from the rest of the profile, and nobody writes down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTemplate:
    """One turn: where it is sent, and the body in which `{message}` and `{session}` stand for theirs.

    A key whose value is `{session}` is left out of a session's first turn. `session` and `reply` are the JSON pointers
    to the session's id and to the reply in an answer; where `session` is empty, the client chooses the id. `state` is
    the path from which the session can be read afterwards. `headers` go with every turn; `$NAME` in one is the
    environment's. `stream` says whether an answer comes as server-sent events: `never`, `asked` (with an Accept that
    asks for it; in the body `{stream}` stands for true or false) or `always`. `keys` says that an `Idempotency-Key`
    is honoured.
    """

    path: str
    body: Mapping[str, Any]
    method: str = "POST"
    session: str = "/session_id"
    reply: str | None = None
    state: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Literal["never", "asked", "always"] = "never"
    keys: bool = False

    def render(self, message: str, session: str | None, *, stream: bool = False) -> dict[str, Any]:
        """The body of one turn; what has no value yet is left out, wherever it stands."""
        words = {"{message}": message, "{session}": session, "{stream}": stream}
        filled: dict[str, Any] = _filled(self.body, words)
        return filled

    @property
    def holds_sessions(self) -> bool:
        """True where the body says which session a turn belongs to."""
        return "session" in placeholders(self.body)


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """The template with its words put in; a key or an entry whose word has no value is left out."""
    if isinstance(value, str):
        return words[value] if value in words else value.replace("{message}", words["{message}"] or "")
    if isinstance(value, Mapping):
        pairs = {key: _filled(inner, words) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner is not None}
    if isinstance(value, list):
        return [inner for inner in (_filled(inner, words) for inner in value) if inner is not None]
    return value


def placeholders(value: Any) -> set[str]:
    """The names in braces, anywhere in the template."""
    if isinstance(value, str):
        return set(re.findall(r"\{(\w+)\}", value))
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(placeholders, inner))


def _session_names(pointer: Any, body: Any) -> tuple[str, ...]:
    """What the id of a session is called: in an answer, by the last part of its pointer, and in the body of a turn."""
    asked = [key for key, value in _pairs(body) if value == "{session}"]
    told = str(pointer or "").rpartition("/")[2]
    # A bare `id`, or a place in a list, says of no record of a log whose id it is.
    return tuple(
        dict.fromkeys(name for name in (told, *asked) if name and name != "id" and not name.isdigit())
    )


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """All keys with their values, however deep."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


def derived(rest: Mapping[str, Any], turn: Mapping[str, Any]) -> dict[str, Any]:
    """What of the contract the rest of the profile says: `DERIVED`."""
    return {
        "health_path": rest.get("health"),
        "ready_path": rest.get("ready"),
        "sessions": "session" in placeholders(turn.get("body")),
        "session_names": _session_names(turn.get("session"), turn.get("body")),
        "reply_pointer": turn.get("reply"),
        "turn_method": turn.get("method", "POST"),
    }
