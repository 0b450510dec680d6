"""Log records as lines for an operator's eyes: `logger LEVEL event flag key=value ... request_id=... timestamp=...`.

One record is one line, whatever a value holds: what could end the line, or read as another field, is quoted as a
JSON string in ASCII.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_.:/+@{}\[\],-]+")


def line(record: Mapping[str, Any]) -> bytes:
    """The line, without its end."""
    fields = dict(record)
    words = [_word(fields.pop("logger")), _word(fields.pop("level")).upper(), _word(fields.pop("event"))]
    words += [_word(flag) for flag in fields.pop("flags", ())]
    words += [f"{_word(name)}={_value(value)}" for name, value in fields.items()]
    return " ".join(words).encode("ascii")


def _value(value: object) -> str:
    """A value as text: `true`, `null`, a number, a bare word, a quoted string; lists by commas."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return _word(",".join(str(item) for item in value)) if value else "[]"
    return _word(value)


def _word(value: object) -> str:
    """The text as it is where it is one harmless word, else quoted."""
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
