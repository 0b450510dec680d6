"""What one line says: the record of a line of JSON, of pairs, of an access log, or of a form with a free message."""

import re
from collections.abc import Iterable
from typing import Any

from harness.logs import forms
from harness.logs.messages import Message, console, json_pairs, levelled, pairs_alone, prose, words
from harness.logs.pairs import Token
from harness.logs.values import stated, unquoted, value_of

_OWN = ("event", "level", "logger", "request_id", "timestamp")
_EVENTS = ("message", "msg")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\))")


def plain(text: str) -> str:
    """The text without the codes that colour it."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def whole(text: str) -> dict[str, Any] | None:
    """What an access line or a JSON object says; no line that follows can belong to it."""
    if (match := forms.ACCESS.fullmatch(text)) is not None:
        return {
            "source": "access",
            "event": f"{match['status']} {match['phrase'] or ''}".strip(),
            "level": match["level"].lower(),
            "fields": {"method": match["method"], "path": match["path"], "status_code": int(match["status"])},
        }
    pairs = json_pairs(text) if text.startswith("{") else None
    return _settled(pairs, {}) if pairs else None


def formed(text: str) -> dict[str, Any] | None:
    """What a line of a form with a free message says; lines that follow may go on with its message."""
    if (match := forms.CONSOLE.fullmatch(text)) is not None:
        return _of_form(match.groupdict(), console(match["message"]))
    if (match := forms.LEVELLED.fullmatch(text)) is not None:
        return _of_form(match.groupdict(), levelled(match["message"]))
    for form in forms.LOGGING:
        if (match := form.fullmatch(text)) is not None:
            return _of_form(match.groupdict(), prose(match["message"]))
    if (match := forms.OPERATOR.fullmatch(text)) is not None:
        known = match.groupdict()
        if known["logger"].startswith('"'):
            known["logger"] = unquoted(known["logger"])
        return _of_form(known, words(match["message"]))
    if (match := forms.CONSOLE_WITHOUT_LEVEL.fullmatch(text)) is not None:
        message = console(match["message"])
        return _of_form(match.groupdict(), message) if message.pairs or message.logger else None
    return None


def paired(text: str) -> dict[str, Any] | None:
    """What a line of pairs says, as structlog's KeyValueRenderer and LogfmtRenderer write it."""
    pairs = pairs_alone(text)
    return _settled(pairs, {}) if pairs else None


def _of_form(known: dict[str, str | None], message: Message) -> dict[str, Any]:
    """The values of a record: what its place in the line gives comes before what a pair says."""
    text, filename, lineno = (known.pop(name, None) for name in ("message", "filename", "lineno"))
    known["level"] = (known.get("level") or "").lower() or None
    known["logger"] = known.get("logger") or message.logger
    known["event"] = message.event
    values = _settled(message.pairs, known)
    if filename is not None and lineno is not None:
        values["fields"] |= {"filename": filename, "lineno": value_of(lineno)}
    return values if values["event"] is not None else {**values, "event": text}


def _settled(pairs: Iterable[Token], known: dict[str, str | None]) -> dict[str, Any]:
    """The values of a record; a pair with the name of one that is known already is a field like any other."""
    own = {name: text for name, text in known.items() if text is not None}
    fields: dict[str, Any] = {}
    for pair in pairs:
        if pair.key is None:
            fields[pair.text] = True
        elif pair.key not in _OWN or pair.key in own or isinstance(pair.value, list | tuple | dict):
            fields[pair.key] = pair.value
        elif pair.value is not None and (pair.text or pair.quoted):
            own[pair.key] = pair.text
    for name in _EVENTS:
        if "event" not in own and isinstance(fields.get(name), str):
            own["event"] = fields.pop(name)
    if "level" in own:
        own["level"] = own["level"].lower()
    return {**own, "event": own.get("event"), "fields": stated(fields)}
