"""The redactor of one document: each secret becomes a mark, and the same secret the same mark."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import Any

from harness.history import Exchange, History, LogRecord, Record
from harness.logs import parse
from harness.redaction.named import NAMED, extent, is_prose, is_remark
from harness.redaction.rules import COUNTED, MESSAGE, NAME_CHARACTERS_MAX, PATTERN, Rules
from harness.redaction.tokens import MARK, PLACE, TOKENS, begin_of_credentials, secret_in
from harness.redaction.words import DIGITS_MIN, TEXT, Words

_NOTHING = frozenset({"", "*", "null", "none", "None", "true", "false", "True", "False"})
_CLOSING = ")]},;"
"""What may stand behind a value that no quotes end."""
_NUMBER = re.compile(r"-?[0-9.]++")
_COUNTS = re.compile(r"[\[({](?:[\s,]*+(?:[\"']?+[\w.-]++[\"']?+\s*+[:=]\s*+)?+-?[0-9.]++)*+[\s,]*+[\])}]")
"""A list of numbers, with names or without."""
_WORD = re.compile(r"\w++")
_NAMES_MAX = 1000
"""So many names are remembered, with what their values are; a log has few, and says each in every line."""
_ROUNDS_MAX = 5
"""A secret may be seen only when another one is gone; so often is looked again, which is linear still."""
_LOG_MESSAGES = ("message", "msg")
"""What a log calls its own text, where it does not call it `event`."""


class Redactor:
    """Redacts all of one document.

    A secret becomes `[redacted:KIND-NUMBER]`, the same secret the same mark, so that it is seen where two lines speak
    of the same one. What is redacted already stays as it is. Of a secret no more than its hash is kept.

    With `words` nothing is shown but these: what is no secret by its name or its form may still be what a person wrote.
    """

    def __init__(self, rules: Rules | None = None, words: Words | None = None) -> None:
        self._rules = Rules() if rules is None else rules
        self._words = words
        self._plain = self
        self._kind_named = lru_cache(_NAMES_MAX)(self._rules.kind_of)
        self._short_key = lru_cache(_NAMES_MAX)(self.text)
        self._marks: dict[bytes, str] = {}
        self._counts: dict[str, int] = {}
        self._canaries: frozenset[str] = frozenset()
        self._said: frozenset[str] = frozenset()

    def only(self, words: Words) -> "Redactor":
        """A redactor with the same rules and the same marks that shows no other words."""
        other = Redactor(self._rules, words)
        other._plain, other._marks, other._counts = self, self._marks, self._counts
        return other

    def line(self, text: str) -> str:
        """A line of the log that is told as evidence: what are names in it is shown."""
        if self._words is not None:
            self._words.line(self._plain.text(text))
        return self.text(text)

    def text(self, text: str, *, event: str | None = None) -> str:
        """A text without its secrets. `event` is what the log says itself there, which nobody else wrote."""
        self.note(text)
        for _ in range(_ROUNDS_MAX):
            before, text = text, self._once(text, event)
            if text == before:
                break
            event = None if event is None else self._once(event, None)
        return text if self._words is None else self._words.hidden(text, partial(self._mark, TEXT))

    def lines(self, texts: Iterable[str]) -> list[str]:
        """Several texts; a mark that stands in one of them is taken for all of them."""
        listed = list(texts)
        for text in listed:
            self.note(text)
        return [self.text(text) for text in listed]

    def note(self, text: str) -> None:
        """Give no secret the number of a mark that stands in this text already."""
        for found in MARK.finditer(text) if "[redacted:" in text else ():
            self._counts[found["kind"]] = max(self._counts.get(found["kind"], 0), int(found["number"]))

    def value(self, value: Any, name: str = "") -> Any:
        """A value as JSON knows them, without its secrets; `name` is that of the field that holds it."""
        return self._value(value, self._kind_of(name))

    def record(self, record: Record) -> Record:
        """A record of any kind, without its secrets; its times, numbers and kind stay."""
        if isinstance(record, LogRecord):
            return self.log(record)
        changes = {item.name: self.value(getattr(record, item.name), item.name) for item in fields(record)}
        if isinstance(record, Exchange) and self._rules.messages:
            changes["body"] = self._spoken(changes["body"])
        return replace(record, **changes)

    def log(self, record: LogRecord) -> LogRecord:
        """A record of a log, without its secrets; what the log calls its own message is no person's."""
        if self._words is not None:  # its names are read when no secret is left in it
            self._words.name(record := Redactor.log(self._plain, record))
        return replace(
            record,
            text=self.text(record.text, event=record.event),
            event=None if record.event is None else self.text(record.event),
            request_id=None if record.request_id is None else self.text(record.request_id),
            fields=self.value(record.fields),
        )

    def history(self, history: History) -> History:
        """A history without its secrets; see `records`."""
        return replace(history, records=self.records(history.records))

    def records(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """All records of one run; a word that the harness made up stands behind the mark of the message it was in."""
        listed = tuple(records)
        turns = [record for record in listed if isinstance(record, Exchange)]
        self._canaries = frozenset(turn.canary for turn in turns if turn.canary)
        self._said = frozenset(text for turn in turns for text in (turn.message, turn.reply) if text)
        return tuple(self.record(record) for record in listed)

    def _value(self, value: Any, kind: str | None) -> Any:
        if isinstance(value, Mapping):
            inherited = None if kind == MESSAGE else kind
            held = {
                self._key(key): self._value(one, self._kind_of(key) or inherited)
                for key, one in value.items()
            }
            return self._spoken(held) if kind == MESSAGE else held
        if isinstance(value, list | tuple):
            return type(value)(
                self._pair(value) if kind is None else (self._value(one, kind) for one in value)
            )
        if isinstance(value, str):
            return self._leaf(value, kind)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_open = kind in (None, MESSAGE, COUNTED)
        return self._mark(kind, str(value)) if is_number and not is_open else value

    def _kind_of(self, key: Any) -> str | None:
        return self._kind_named(key[-NAME_CHARACTERS_MAX:]) if isinstance(key, str) else None

    def _key(self, key: Any) -> Any:
        if not isinstance(key, str):
            return key
        return self._short_key(key) if len(key) <= NAME_CHARACTERS_MAX else self.text(key)

    def _pair(self, values: list[Any] | tuple[Any, ...]) -> Iterable[Any]:
        """The values of a list; where it is the name and the value of a header, the value has that name."""
        is_pair = len(values) == 2 and all(isinstance(one, str) for one in values)  # noqa: PLR2004  # a pair has two
        kind = self._kind_of(values[0]) if is_pair else None
        kinds = (None, None if kind == MESSAGE else kind)
        return (
            self._value(one, kinds[min(number, 1)] if is_pair else None) for number, one in enumerate(values)
        )

    def _leaf(self, text: str, kind: str | None) -> str:
        """A text of a kind."""
        if text in self._said and self._rules.messages:
            kind = MESSAGE
        if kind is None:
            return self.text(text)
        self.note(text)
        begin = begin_of_credentials(text, 0) if kind == "authorization" else 0
        return text[:begin] + self._hidden(text[begin:], kind)

    def _hidden(self, secret: str, kind: str) -> str:
        """What stands for a secret; nothing does for no value, for a mark, and for a number that is no secret."""
        words = MARK.sub("", secret).split()
        if secret.rstrip(_CLOSING) in _NOTHING or (
            MARK.match(secret) and all(word in self._canaries for word in words)
        ):
            return secret
        if kind == COUNTED and _NUMBER.fullmatch(secret):
            return secret
        if kind == MESSAGE and _NUMBER.fullmatch(secret) and len(secret) < DIGITS_MIN:  # how many there are
            return secret
        if kind == COUNTED:
            return secret if _COUNTS.fullmatch(secret) else self._mark("token", secret)
        if kind != MESSAGE:
            return self._mark(kind, secret)
        made_up = [word for word in _WORD.findall(secret) if word in self._canaries] if self._canaries else []
        return " ".join([self._mark(kind, secret), *made_up])

    def _spoken(self, body: Any) -> Any:
        """An answer without its sentences, whatever they are called."""
        if isinstance(body, str):
            return self._hidden(body, MESSAGE) if " " in body.strip() else body
        if isinstance(body, Mapping):
            return {key: self._spoken(one) for key, one in body.items()}
        return [self._spoken(one) for one in body] if isinstance(body, list) else body

    def _once(self, text: str, event: str | None) -> str:
        """A text without the secrets that are seen in it before any of them is gone."""
        text = self._without_named(text, event)
        for pattern in self._rules.patterns:
            text = self._without_matches(text, pattern)
        return TOKENS.sub(self._of_token, text)

    def _without_named(self, text: str, event: str | None) -> str:
        """A text without the values whose names say that they are secret."""
        pieces, done, at = [], 0, 0
        own = None if event is None else _as_written(event)
        while found := NAMED.search(text, at):
            at = found.end()
            kind = self._kind_of(found["name"])
            if kind is None or is_remark(text, found, kind):
                continue
            begin, end = extent(text, found, kind)
            secret = text[begin:end]
            if kind == MESSAGE and found["name"] in _LOG_MESSAGES:
                own = _as_written(_event_of(text)) if own is None else own
                if own and secret.replace("\\", "") == own:
                    continue
            if is_prose(found, kind, secret):
                continue
            pieces += [text[done:begin], self._hidden(secret, kind)]
            done = at = max(end, at)
        return "".join([*pieces, text[done:]])

    def _without_matches(self, text: str, pattern: re.Pattern[str]) -> str:
        """A text without what a user's pattern matches; marks are left out of it."""
        pieces, done = [], 0
        for mark in [*MARK.finditer(text), None]:
            end = mark.start() if mark else len(text)
            pieces.append(
                pattern.sub(lambda found: self._mark(PATTERN, found[0]) if found[0] else "", text[done:end])
            )
            pieces.append(mark[0] if mark else "")
            done = mark.end() if mark else end
        return "".join(pieces)

    def _of_token(self, found: re.Match[str]) -> str:
        kind, secret = secret_in(found)
        if not secret:
            return found[0]
        before, _, behind = found[0].rpartition(secret)
        return f"{before}{self._mark(kind, secret)}{behind}"

    def _mark(self, kind: str | None, secret: str) -> str:
        """The mark of a secret, which is the same whenever it is met."""
        assert kind is not None
        digest = hashlib.blake2b(secret.encode(errors="surrogatepass"), digest_size=16).digest()
        if digest not in self._marks:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._marks[digest] = f"[redacted:{kind}-{self._counts[kind]}]"
        return self._marks[digest]


def _event_of(text: str) -> str:
    """What the log says itself in a line of one, which may be told as evidence; nothing where that is not known."""
    lines = PLACE.sub("", text, count=1).splitlines()
    return next((record.event or "" for record in parse(lines)), "")


def _as_written(event: str) -> str:
    """The log's own text as a field has it, without what escapes its characters."""
    return event.replace("\\", "").replace("\n", "n")
