"""Which suspects are tried first: those of which people wrote in words that the log has too."""

import builtins
import math
import re
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus

from harness.incidents.candidates import Suspect

STEM = 6
"""So many letters of a word, without its ending, tell it from others."""

WORD_MIN = 3
"""What is shorter than this means nothing."""

COSTLY_TURNS = 100
"""Whoever takes more steps than this is tried when all others have been."""

_MEANT = (
    ((TimeoutError,), "timeout late slow reply"),
    ((OSError,), "connection reset refused cut disconnect"),
    ((LookupError, ValueError, TypeError, AttributeError), "json schema wrong shape malformed"),
)
"""What Python's own exceptions speak of, where nobody caught them: the first family that one belongs to."""

_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b")
_ENDING = re.compile(r"(?:ing|ed|es|s)$")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def words_of(text: str) -> frozenset[str]:
    """The stems of the words in a text; a name with underscores or capitals inside is several.

    A status is also its phrase, and an exception of Python's what it speaks of.
    """
    found = [word.lower() for word in _WORD.findall(text)]
    phrases = [_phrase(word) for word in found if len(word) == len("404") and word.isdigit()]
    phrases += map(_meant, _EXCEPTION.findall(text))
    for phrase in phrases:
        found += [word.lower() for word in _WORD.findall(phrase)]
    return frozenset(_stem(word) for word in found if len(word) >= WORD_MIN)


def _stem(word: str) -> str:
    """The word without what grammar put at its end: skipped, skipping and skips are one."""
    bare = _ENDING.sub("", word) if len(word) > WORD_MIN else word
    return re.sub(r"([a-z])\1$", r"\1", bare)[:STEM]


def ordered(suspects: Iterable[Suspect], said: Iterable[str]) -> tuple[tuple[Suspect, float], ...]:
    """The suspects, each with how well it fits, most promising first.

    A word counts the more, the fewer have it, and the less, the more is told of the suspect. Of the variants of one
    thing the second counts half, the third a third, and so on. The costly ones come last.
    """
    every = tuple(suspects)
    known = {suspect.label: words_of(suspect.told) for suspect in every}
    common = Counter(word for words in known.values() for word in words)
    wanted = frozenset().union(*map(words_of, said))
    fits = {
        label: sum(math.log(len(every) / common[word]) for word in wanted & words)
        / math.sqrt(len(words) or 1)
        for label, words in known.items()
    }
    seen: Counter[str] = Counter()
    for suspect in sorted(every, key=lambda one: (-fits[one.label], one.label)):
        thing = suspect.name.partition("(")[0]
        seen[thing] += 1
        fits[suspect.label] /= seen[thing]

    def order(suspect: Suspect) -> tuple[bool, float, float, int, str]:
        costly = suspect.turns > COSTLY_TURNS
        return (costly, -fits[suspect.label], suspect.lasts_s, suspect.turns, suspect.label)

    return tuple((suspect, fits[suspect.label]) for suspect in sorted(every, key=order))


def _meant(name: str) -> str:
    """What an exception of Python's own speaks of; nothing where the name is that of none."""
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type):
        return ""
    return next((words for families, words in _MEANT if issubclass(kind, families)), "")


def _phrase(number: str) -> str:
    """What HTTP calls a status; nothing where the number is none."""
    return HTTPStatus(int(number)).phrase if int(number) in set(HTTPStatus) else ""
