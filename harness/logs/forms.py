"""The forms of a line in which only the message is free: uvicorn, Python's `logging`, structlog's console, an operator's line.

A form is one pattern; a service with another one needs one more row. No pattern can go back over what it has taken
(`++`), so each is linear in the line.
"""

import re

_LEVELS = "TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARNING|WARN|ERROR|CRITICAL|FATAL|EXCEPTION|NOTSET"
_LEVEL = f"(?P<level>{_LEVELS})"
LEVEL_FIRST = re.compile(rf"(?:{_LEVELS}):")
_CLOCK = r"\d\d:\d\d[:.]\d\d(?:[.,]\d++)?"
_TIME = rf"(?P<timestamp>\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z| ?[+-]\d\d:?\d\d)?|{_CLOCK}|\d{{9,12}}(?:\.\d++)?)"
_PLACE = r"(?:(?P<filename>[^\s:]++):(?P<lineno>\d++) - )?"
_QUOTED = r'"(?:[^"\\]++|\\.)*+"'
_MESSAGE = r"(?P<message>.*+)"


def _form(pattern: str) -> re.Pattern[str]:
    """A pattern of a whole line."""
    return re.compile(pattern + _MESSAGE, re.DOTALL)


ACCESS = re.compile(
    r'(?P<level>[A-Z]++):\s++(?:(?P<client>[^\s"]++) - )?"(?P<method>[A-Z]++) (?P<path>\S++) HTTP/[\d.]++" '
    r"(?P<status>\d{3})(?: (?P<phrase>.*+))?"
)
"""Uvicorn's access line, with or without the client's address."""

CONSOLE = _form(rf"(?:{_TIME} )?\[(?P<level>(?i:{_LEVELS})) *+\](?: |$)")
"""structlog's ConsoleRenderer: time, padded level, and in the message a padded event, a logger, pairs."""

CONSOLE_WITHOUT_LEVEL = _form(rf"{_TIME} ")
"""The same without a level; a line is of this form only where its message has a logger or pairs."""

OPERATOR = _form(rf"(?:{_TIME} )?(?P<logger>{_QUOTED}|[^\s=\"]++) {_LEVEL} ")
"""`logger LEVEL event flag key=value`."""

LEVELLED = _form(rf"(?:{_TIME} )?{_LEVEL} ++(?=[^\s|:=-])")
"""`LEVEL event flag key=value` and `LEVEL logger event flag key=value`; a sign after the level makes it another form."""

LOGGING = (
    _form(rf"{_TIME} - {_LEVEL} - {_PLACE}"),
    _form(rf"{_TIME} - (?P<logger>[^\s:]++):{_LEVEL}: {_PLACE}"),
    _form(rf"{_TIME} - (?P<logger>\S++) - {_LEVEL} - {_PLACE}"),
    _form(rf"{_LEVEL}:(?P<logger>[^\s:]++):"),
    _form(rf"(?:{_TIME} )?{_LEVEL}:\s++"),
    _form(rf"{_TIME} {_LEVEL} "),
)
"""Formatters of Python's `logging`, basicConfig's own, and uvicorn's (`INFO:     Started server process [1]`)."""
