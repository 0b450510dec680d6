"""What a message says: its event, and the pairs that follow it.

Where it is prose, all of it is the event, and so is what stands before the pairs at its end.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from harness.logs.pairs import Token, run_of_pairs, tokens

EVENT_WIDTH = 30
"""To so many characters structlog's ConsoleRenderer pads an event; one blank follows them."""

_LOGGER = re.compile(r"\[([A-Za-z_][\w.-]*+)\]")
_LOGGER_AFTER_PADDING = re.compile(r"\[([^\]]++)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event, where the pairs do not name one themselves; a logger, where it stands in brackets; and the pairs."""

    event: str | None = None
    logger: str | None = None
    pairs: tuple[Token, ...] = ()


def prose(text: str) -> Message:
    """A JSON object, a line of pairs, or words, at whose end there may be pairs."""
    if text.startswith("{") and (pairs := json_pairs(text)) and any(pair.key == "event" for pair in pairs):
        return Message(pairs=pairs)
    return _prose(text, tokens(text))


def words(text: str) -> Message:
    """An event of one word, flags and pairs, as an operator's line has them; else it is prose."""
    found = tokens(text)
    if not found or not _name(found[0]) or not all(token.key or _name(token) for token in found):
        return _prose(text, found)
    return Message(event=found[0].text, pairs=tuple(found[1:]))


def levelled(text: str) -> Message:
    """What follows a level in front: maybe a logger, then an event of one word, flags and pairs; else it is prose.

    Only the words themselves tell a logger before an event from an event before a flag, and both from prose. An event
    or a flag in code is made of several words (`api_request_complete`); a logger has dots, or fewer words than those.
    """
    found = tokens(text)
    if len(found) < 2 or not _is_logger(found[0], found[1]):  # noqa: PLR2004  # a logger and an event
        return _coded(text)
    message = _coded(text[found[1].start :])
    return Message(event=message.event, logger=found[0].text, pairs=message.pairs)


def _coded(text: str) -> Message:
    """An event, flags and pairs, where each is a name as code has it; else it is prose."""
    coded = all(token.key or len(_parts(token)) > 1 for token in tokens(text))
    return words(text) if coded else prose(text)


def _is_logger(first: Token, event: Token) -> bool:
    """Whether the first of two words names a logger, and the other an event."""
    dotted = first.flag and "." in first.text
    parts = len(_parts(event))
    return not first.quoted and parts > 1 and (dotted or (_name(first) and len(_parts(first)) < parts))


def _parts(word: Token) -> list[str]:
    """The words that a name in code is made of; none where it is no name."""
    return [part for part in word.text.split("_") if part] if _name(word) else []


def _prose(text: str, found: list[Token]) -> Message:
    """Words, at whose end there may be pairs, or pairs alone."""
    # A flag in front would be the same as an event before a pair that is called `event`.
    if found and found[0].key and _paired(found):
        return Message(pairs=tuple(found))
    pairs = tuple(found[run_of_pairs(found) :])
    return Message(event=text[: pairs[0].start].rstrip(" ") if pairs else text, pairs=pairs)


def console(text: str) -> Message:
    """An event, padded, then maybe a logger in brackets and pairs, as structlog's ConsoleRenderer has them."""
    if text[EVENT_WIDTH - 1 : EVENT_WIDTH + 1] == "  ":
        found = tokens(text[EVENT_WIDTH + 1 :])
        start = run_of_pairs(found)
        logger = _LOGGER_AFTER_PADDING.fullmatch(found[0].text) if start == 1 else None
        if found and (start == 0 or logger):
            event = text[:EVENT_WIDTH].rstrip(" ")
            return Message(event=event, logger=logger and logger[1], pairs=tuple(found[start:]))
    found = tokens(text)
    start = run_of_pairs(found)
    logger = _LOGGER.fullmatch(found[start - 1].text) if start > 1 else None
    tail = found[start - 1 if logger else start :]
    event = (text[: tail[0].start] if tail else text).rstrip(" ")
    named = not event and any(pair.key == "event" for pair in found)
    return Message(event=None if named else event, logger=logger and logger[1], pairs=tuple(found[start:]))


def pairs_alone(text: str) -> tuple[Token, ...]:
    """The pairs of a text that has nothing else, and flags; none where it has more."""
    if "=" not in text:
        return ()
    found = tokens(text)
    return tuple(found) if _paired(found) else ()


def _paired(found: list[Token]) -> bool:
    """Whether there are pairs alone, or pairs and flags of which a pair says what the event is."""
    if run_of_pairs(found) == 0:
        return True
    return any(token.key == "event" for token in found) and all(token.key or token.flag for token in found)


def json_pairs(text: str) -> tuple[Token, ...] | None:
    """The pairs of a JSON object; None where it is none, or one that no record can keep."""
    try:
        values = _object(text)
        # What cannot be written again, or nests too deep for it, would break the recording; two levels are around it.
        orjson.dumps([[values]])
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    return tuple(
        Token(
            start=0,
            key=key,
            text="" if isinstance(value, list | dict) else str(value),
            value=value,
            quoted=isinstance(value, str),
        )
        for key, value in values.items()
    )


def _object(text: str) -> Any:
    """The JSON value; Python's own `NaN` and its escapes of half characters are read as Python reads them.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it nests too deep.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _name(token: Token) -> bool:
    """Whether the word names something in the code, as `async_context_detected` does and `Started` does not."""
    word = token.text
    written = word == word.lower() or "_" in word
    return token.flag and (token.quoted or (written and not word[0].isdigit()))
