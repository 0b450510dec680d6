"""What is redacted: names whose values are secret, names whose values people wrote, and what a user adds to them."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError

MESSAGE = "message"
"""The kind of what a person wrote, or was answered."""
FIELD = "field"
"""The kind of the values of the fields that a user adds."""
PATTERN = "pattern"
"""The kind of what the patterns match that a user adds."""
COUNTED = "tokens"
"""The kind of what is a secret, or how many there are: a number is not hidden."""
NAME_CHARACTERS_MAX = 64
"""So much of the end of a name is looked at."""

_WORD = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[0-9]++")
_LAST_WORDS = {
    "authorization": "authorization",
    "cookie": "cookie",
    "cookies": "cookie",
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "passwords": "password",
    "pwd": "password",
    "pass": "password",
    "token": "token",
    "tokens": COUNTED,
    "jwt": "token",
    "signature": "token",
    "sig": "token",
    "secret": "secret",
    "secrets": "secret",
    "credential": "secret",
    "credentials": "secret",
    "apikey": "key",
    "apikeys": "key",
}
_KEYS = {
    *("api", "access", "secret", "private", "auth", "signing", "encryption", "master", "account", "shared"),
    "session",
}
_BEHIND_KEYS = {"key": "key", "keys": "key", "tokens": "token"}
"""What is a secret behind one of `_KEYS`, however many there are."""
_HOLDERS = {"value", "header", "hash", "string", "plain", "raw"}
"""Words that may stand behind the name of a secret or of a message, and leave it one."""
_MESSAGES = {
    *("message", "messages", "msg", "msgs", "text", "texts", "input", "inputs", "prompt", "prompts"),
    *("content", "contents", "query", "queries", "q", "question", "questions", "utterance", "utterances"),
    *("reply", "replies", "answer", "answers", "transcript", "transcripts", "arguments", "body"),
    *("response", "responses", "output", "outputs", "history", "histories", "chat", "chats", "said", "turns"),
}
"""The last words of the names of what people wrote and were answered."""
_TEXTS = {"message", "messages", "msg", "msgs", "text", "texts"}
_OWN = {"error", "err", "exception", "warning", "status", "log", "failure", "close"}
"""Words before one of `_TEXTS` that make it the program's own: its parts are looked at as those of any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is redacted beside the defaults: the values of `fields`, and what one of `patterns` matches.

    With `messages` also what people wrote and were answered, which is the default. A run of our own, whose messages
    are a scenario's, shows them.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    fields: frozenset[str] = frozenset()
    messages: bool = True

    def kind_of(self, name: str) -> str | None:
        """The kind of secret that a value of this name is; None where the name says nothing of the sort.

        The last words of a name decide: `api_token` is a secret, `prompt_tokens` and `token_count` are numbers.
        """
        words = words_of(name)
        if "_".join(words) in self.fields:
            return FIELD
        while len(words) > 1 and words[-1] in _HOLDERS:
            words.pop()
        if not words:
            return None
        if self.messages and _is_message(words):
            return None if words[-1] in _TEXTS and not _OWN.isdisjoint(words) else MESSAGE
        if len(words) > 1 and words[-2] in _KEYS and words[-1] in _BEHIND_KEYS:
            return _BEHIND_KEYS[words[-1]]
        return "secret" if words[-2:] == ["auth", "code"] else _LAST_WORDS.get(words[-1])


def rules(table: Mapping[str, Any], *, place: str = "[tool.shakeout.redact]") -> Rules:
    """The rules that a table adds to the defaults: `patterns` are regular expressions, `fields` are names.

    Raises:
        UsageError: the table holds something else, or a pattern that cannot be used; the message names it.
    """
    for key, value in table.items():
        if key not in ("patterns", "fields"):
            raise UsageError(f"{place} has no key {key}; there are: patterns, fields")
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise UsageError(f"{place} {key} = {value!r}: write a list of texts")
    return Rules(
        patterns=tuple(_pattern(text, place) for text in table.get("patterns", ())),
        fields=frozenset("_".join(words_of(name)) for name in table.get("fields", ())),
    )


def configured(place: Path = Path("pyproject.toml")) -> Rules:
    """The rules with what `[tool.shakeout.redact]` of the user's pyproject adds; the defaults where there is none.

    Raises:
        UsageError: the file cannot be read, or the table cannot be used.
    """
    if not place.is_file():
        return Rules()
    try:
        table: Any = tomllib.loads(place.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{place}: {error}; mend it") from error
    for key in ("tool", "shakeout", "redact"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{place}: {key} is no table; write fields = [...] under [tool.shakeout.redact]")
    return rules(table, place=f"{place}: [tool.shakeout.redact]")


def _is_message(words: list[str]) -> bool:
    """Whether these words name what people wrote; a turn alone is one of a service's requests, the last one a text."""
    return words[-1] in _MESSAGES or words == ["completion"] or (words[-1] == "turn" and len(words) > 1)


def _pattern(text: str, place: str) -> re.Pattern[str]:
    """A pattern that a user gives.

    Raises:
        UsageError: it is no regular expression, or matches where there is nothing.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"{place} pattern {text!r}: {error}; mend the expression") from error
    if pattern.match(""):
        raise UsageError(
            f"{place} pattern {text!r} matches nothing at all; let it match at least a character"
        )
    return pattern


def words_of(name: str) -> list[str]:
    """The words of a name in whatever case it is written."""
    return [word.lower() for word in _WORD.findall(name[-NAME_CHARACTERS_MAX:])]
