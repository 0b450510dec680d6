"""Values that a name announces: where one stands in a text, where it ends, and whether it is only a sentence."""

import re

from harness.redaction.rules import FIELD, MESSAGE, words_of
from harness.redaction.tokens import (
    MARK,
    begin_of_credentials,
    end_of_bare,
    end_of_bracketed,
    end_of_more,
    end_of_quoted,
)

NAMED = re.compile(
    r"(?<![\w.-])(?P<name>(?P<option>--)?+[\w.-]++)(?P<closing>\\*+[\"'])?+[ \t]{0,4}"
    r"(?P<separator>=>|[:=]|(?<=[\"']),|(?(option)(?<=[ \t])(?![-\s])(?!(?:are|and|be|has|is|may|must|needs|not|or|was)\b)|(?!)))"
    r"[ \t]{0,4}(?P<opening>[bBuUrRfF]{0,2}\\*+[\"'])?+"
)
"""A name and what stands before its value; behind an option of a command that may be a blank alone."""

_SEVERAL = ("key", "token", "secret", "password")
"""Kinds of which a name may announce several, with nothing but a comma between them."""
_COUNT = re.compile(r"(?:true|false|null|\d{1,3})(?=\s*+[,}\]])")
_WORD_CHARACTERS_MAX = 15
_BRIEF_WORDS_MAX = 2
_BRIEF_CHARACTERS_MAX = 64
_SPOKEN = {"prompt", "question", "utterance", "transcript"}
"""Names of what a person wrote that stand before a colon in no other sense."""
_SPEAKER = re.compile(r"(?i:\b(?:user|human|customer|client|assistant|chat|last)(?:['\u2019]s)?) \Z")
_NONE = re.compile(r"(?i:\bno) \Z")
_BEFORE_CHARACTERS_MAX = 16


def extent(text: str, found: re.Match[str], kind: str) -> tuple[int, int]:
    """Where the value behind a name begins and ends; nowhere, where two texts of a list only look like these."""
    begin, opening = found.end(), found["opening"]
    if found["separator"] == "," and (opening is None or kind == MESSAGE):
        return begin, begin
    if not found["separator"] and opening is None and kind == MESSAGE:
        return begin, begin  # what a command says of its options, as in "--input TEXT"
    if kind == "authorization":
        begin = begin_of_credentials(text, begin)
    if found.start() and text[found.start() - 1] in "?&":  # of an address: it ends where its value does
        return begin, end_of_bare(text, begin, FIELD)
    if kind == MESSAGE and opening is None and found["closing"] and _COUNT.match(text, begin):
        return begin, begin  # of JSON: how many there are, whether there is one, or none
    if opening is not None:
        return begin, end_of_quoted(text, begin, opening.lstrip("bBuUrRfF"))
    mark = MARK.match(text, begin)
    if mark and mark["kind"] == MESSAGE and text[mark.end() : mark.end() + 1] in (",", "}", "]", ")"):
        return begin, mark.end()  # a list was there, and the line goes on
    if text[begin : begin + 1] in ("[", "{", "(") and not mark:
        return begin, end_of_bracketed(text, begin)
    end = end_of_bare(text, begin, kind)
    return begin, end_of_more(text, end) if found["name"].endswith("s") and kind in _SEVERAL else end


def is_remark(text: str, found: re.Match[str], kind: str) -> bool:
    """Whether what stands behind the name of a message is no message, as in "the message: not found".

    That is a word or two, or what stands behind "no answer:". It is no remark behind a name of several words, nor
    behind who wrote it, as in "User message: Hi". No more than a bounded part of the text is looked at.
    """
    if kind != MESSAGE or not _may_be_prose(found):
        return False
    before = text[max(0, found.start() - _BEFORE_CHARACTERS_MAX) : found.start()]
    if found["name"].lower() in _SPOKEN or _SPEAKER.search(before):
        return False
    return _is_brief(text, found.end()) or _NONE.search(before) is not None


def is_prose(found: re.Match[str], kind: str, value: str) -> bool:
    """Whether a colon stands in a sentence, as in "invalid token: expired"; a password may be any word."""
    if kind in (MESSAGE, "password", "cookie") or not _may_be_prose(found):
        return False
    return len(value) <= _WORD_CHARACTERS_MAX and value.isalpha()


def _may_be_prose(found: re.Match[str]) -> bool:
    """Whether a name and its colon may be part of a sentence; a name of several words is no word of one."""
    is_plain = found["separator"] == ":" and not found["closing"] and not found["opening"]
    return is_plain and len(words_of(found["name"])) == 1


def _is_brief(text: str, begin: int) -> bool:
    """Whether a word or two stand here; a list is more, whatever it holds."""
    if text[begin : begin + 1] in ("[", "{", "(") and not MARK.match(text, begin):
        return False
    end = end_of_bare(text, begin, MESSAGE, begin + _BRIEF_CHARACTERS_MAX)
    words = text[begin:end].split()
    return end - begin < _BRIEF_CHARACTERS_MAX and len(words) <= _BRIEF_WORDS_MAX
