"""What a call says: its texts and roles, read with care, since any client may send anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The conversation of one call.

    `system` are the system texts joined, `message` is the last user text, `before` what was said before it as
    (role, text), oldest first.
    """

    system: str = ""
    message: str = ""
    before: tuple[tuple[str, str], ...] = ()

    @property
    def turns_before(self) -> int:
        """How many user messages came earlier."""
        return sum(role == "user" for role, _ in self.before)

    def last(self, role: str) -> str:
        """The latest earlier text of a role; empty where there is none."""
        return next((text for said_by, text in reversed(self.before) if said_by == role), "")


def messages_of(body: Mapping[str, object]) -> tuple[Mapping[str, Any], ...] | None:
    """The messages of a request's body; None where they are missing, empty or no objects with a role."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return None
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        return None
    return tuple(messages)


def said(messages: Sequence[Mapping[str, Any]]) -> Said:
    """The conversation that messages hold."""
    spoken = [(message["role"], text_of(message.get("content"))) for message in messages]
    system = "\n".join(text for role, text in spoken if role in ("system", "developer"))
    turns = [(role, text) for role, text in spoken if role in ("user", "assistant")]
    latest = max((at for at, (role, _) in enumerate(turns) if role == "user"), default=-1)
    if latest < 0:
        return Said(system=system, before=tuple(turns))
    return Said(system=system, message=turns[latest][1], before=tuple(turns[:latest]))


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def level_of(body: Mapping[str, object]) -> str:
    """`structured` where a JSON schema is asked for, else `conversation`."""
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        return "structured"
    return "conversation"
