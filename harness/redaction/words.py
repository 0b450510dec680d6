"""What may be shown of somebody's log: the words that its service is known to write. All else a person may have written."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPMethod, HTTPStatus
from itertools import islice
from typing import Any

from harness.history import LogRecord
from harness.logs import parse, seconds
from harness.redaction.tokens import MARK, PLACE

TEXT = "text"
"""The kind of what is hidden because nobody is known to have written it but the log."""

WORDS_MAX = 100_000
"""So many words are remembered; what a service writes beyond them is hidden."""

TEXT_CHARACTERS_MAX = 10_000
"""So much of a text is looked at for the names of exceptions and functions."""

_OURS = {
    *("access", "line", "stderr", "stdout", "app", "log", "shares", "lacks", "beyond", "it", "order"),
    *("exception", "traceback", "Traceback", "most", "recent", "call", "last", "File", "in", "answered"),
    *(
        "with",
        "but",
        "completion",
        "and",
        "or",
        "more",
        "times",
        "one",
        "request",
        "without",
        "then",
        "again",
    ),
    *("its", "session", "begins", "grows", "by", "stays", "falls", "than", "empty", "text", "no", "number"),
    *("infinite", "none", "None", "null", "true", "false", "True", "False", "HTTP", "another"),
    *("event", "level", "logger", "request_id", "timestamp", "message", "msg"),
    *("debug", "info", "warning", "warn", "error", "critical", "fatal"),
    *("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"),
}
"""The words of a trait and of evidence, a line's own keys, levels and constants, which are ours or everybody's."""
_OF_HTTP = {word for status in HTTPStatus for word in re.findall(r"\w{2,}", status.phrase)} | set(HTTPMethod)

_PIECE = re.compile(rf"{MARK.pattern.replace('?P<kind>', '?:').replace('?P<number>', '?:')}|(?P<word>\w++)")
_NUMBER = re.compile(r"[0-9]++(?:[A-Za-z]{1,2}[0-9]*+)?")
_BREAK = re.compile(r"[={}\[\]<>|\"\r\n]")
DIGITS_MIN = 4
"""A number of so many digits may be a PIN, a phone number or a birthday, where no key says what it is."""
_VALUED = re.compile(r"(?:=|\"[ ]?:[ ]?|\d\.\d{1,3}:|[=:][ ]?-?\d{1,20}\.)\Z")
_ALONE = re.compile(r"(?:\A|(?<=[\s\"'(]))[0-9]++ ++\Z")
_ALONE_CHARACTERS_MAX = 40
_KEY = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_IDENTIFIER = re.compile(r"(?=.*[._])[A-Za-z]\w{0,63}(?:\.\w{1,64}){0,8}")
_ID = re.compile(
    r"(?i)(?:^|_)(?:request|req|trace|span|correlation|session|conversation|thread|chat)_?id$|^session$"
)
_CLASS = re.compile(
    r"(?<![\w.])(?:\w++\.){0,8}+[A-Z]\w*(?:Error|Exception|Timeout|Warning|Interrupt|Exit|Group|Cancelled)\b"
)
_FRAME = re.compile(r'^[ \t]*File "([^"\n]{1,300})", line \d+, in (\S{1,100})', re.MULTILINE)
_BLANK = re.compile(r"\s")
_PAIRED = re.compile(r"(?<![\w.-])([A-Za-z_][\w.-]{0,63})\"?[=:]")
_CODED = re.compile(
    r"(?i)(?:^|_)(?:reason|outcome|phase|code|type|kind|state|status|method|fallback|classification|error)$"
)
_CODE = re.compile(r"[a-z]{1,40}(?:_[a-z]{1,40}){1,8}")
_LEVELS = {
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "err",
    "exception",
    "critical",
    "fatal",
    "trace",
    "notice",
}
_TRACEBACK = "Traceback (most recent call last)"
FIELDS_MAX = 200
"""So many fields of a line are looked at for names."""
ID_CHARACTERS_MAX = 200
_PATH = re.compile(r"/[\w./{}*-]{0,200}")


class Words:
    """Words that are known: those that runs of the service wrote, and the names of things in the log itself.

    A name is a key, a level, a logger, a time, an id, an event such as `turn_completed`, a code under a key such as
    `reason`, the path of an access line, the class of an exception, a function of a traceback: its place says that no
    person wrote it.
    """

    def __init__(self) -> None:
        self._known = _OURS | _OF_HTTP

    def learn(self, text: str) -> None:
        """Remember all words of a text that is ours, such as the contract of the service."""
        self._remember([text])

    def say(self, record: LogRecord) -> None:
        """Remember all words of a line that a run of ours wrote."""
        self._remember([*_texts(record), *_names(record)])

    def name(self, record: LogRecord) -> None:
        """Remember the names in a line of somebody's log."""
        self._remember(_names(record))

    def hidden(self, text: str, mark: Callable[[str], str]) -> str:
        """A text with marks for the words that are not known, and for the numbers beside them."""
        pieces, done = [], 0
        for begin, end in self._unknown(text):
            pieces += [text[done:begin], mark(text[begin:end])]
            done = end
        return "".join([*pieces, text[done:]])

    def line(self, text: str) -> None:
        """Remember the names in a line that is told as evidence, behind its place in the log."""
        for record in parse(PLACE.sub("", text, count=1).splitlines()):
            self.name(record)

    def _remember(self, texts: Iterable[str]) -> None:
        for text in texts:
            if len(self._known) < WORDS_MAX:
                self._known.update(found[0] for found in _PIECE.finditer(text) if found["word"])

    def _unknown(self, text: str) -> Iterator[tuple[int, int]]:
        """Where words begin and end that are not known, one behind the other, with the numbers beside them."""
        begin = end = -1
        for found in _PIECE.finditer(text):
            is_number = found["word"] is not None and _is_small(text, found)
            is_known = found["word"] is None or (not is_number and found[0] in self._known)
            is_open = begin >= 0 and not is_known and not _BREAK.search(text, end, found.start())
            if begin >= 0 and not is_open:
                yield begin, end
                begin = -1
            if is_open:
                end = found.end()
            elif not is_known and not is_number:
                begin, end = _with_number(text, found.start()), found.end()
        if begin >= 0:
            yield begin, end


def _is_small(text: str, found: re.Match[str]) -> bool:
    """Whether a number is no person's: one of few digits, the value of a key, or the port of an address."""
    if not _NUMBER.fullmatch(found[0]):
        return False
    before = text[max(0, found.start() - _ALONE_CHARACTERS_MAX) : found.start()]
    return len(found[0]) < DIGITS_MIN or _VALUED.search(before) is not None


def _with_number(text: str, begin: int) -> int:
    """Where a hidden text begins: with the number before it, where that stands alone."""
    least = max(0, begin - _ALONE_CHARACTERS_MAX)
    found = _ALONE.search(text[least:begin])
    return begin if found is None else least + found.start()


def _names(record: LogRecord) -> Iterator[str]:
    """What in a line no person wrote, by where it stands and how it looks there."""
    if (record.level or "").lower() in _LEVELS:
        yield record.level or ""
    if record.timestamp is not None and seconds(record.timestamp) is not None:
        yield record.timestamp
    if record.logger and _IDENTIFIER.fullmatch(record.logger):
        yield record.logger
    if record.request_id and not _BLANK.search(record.request_id):
        yield record.request_id[:ID_CHARACTERS_MAX]
    if record.event and "_" in record.event and _IDENTIFIER.fullmatch(record.event):
        yield record.event
    if record.source == "access" and _PATH.fullmatch(path := str(record.fields.get("path", ""))):
        yield path
    yield from _of_fields(record.fields, frozenset(found[1] for found in _PAIRED.finditer(record.text)))
    for text in _texts(record):
        if "exception" in record.fields or _TRACEBACK in text:
            yield from (found[0] for found in _CLASS.finditer(text[:TEXT_CHARACTERS_MAX]))
        yield from (name for found in _FRAME.finditer(text[:TEXT_CHARACTERS_MAX]) for name in found.groups())


def _is_error(value: str) -> bool:
    """Whether it is the name of an exception; a group may be anybody's."""
    return _CLASS.fullmatch(value) is not None and not value.endswith("Group")


def _texts(record: LogRecord) -> Iterator[str]:
    """The text of a line, and those of its fields, which JSON may have escaped in it."""
    yield record.text
    yield from (value for value in record.fields.values() if isinstance(value, str))


def _of_fields(fields: Mapping[str, Any], paired: frozenset[str]) -> Iterator[str]:
    """The keys of the fields of a line, the values of those that are ids, and codes of those that tell of an outcome."""
    for key, value in islice(fields.items(), FIELDS_MAX):
        # A bare word of a line is read as a flag: of a person's text only those with a low line would be.
        if _KEY.fullmatch(key) and (value is not True or "_" in key or key in paired):
            yield key
        if isinstance(value, Mapping):
            yield from _of_fields(value, paired)
        elif not isinstance(value, str) or _BLANK.search(value):
            continue
        elif _ID.search(key):
            yield value[:ID_CHARACTERS_MAX]
        elif _CODED.search(key) and (_CODE.fullmatch(value) or _is_error(value)):
            yield value
