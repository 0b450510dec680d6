"""Which event a trait is about, and how much of a log a run explains where other things went wrong beside it."""

import re
from collections import Counter
from collections.abc import Iterable

EVENTS_MIN = 0.2
"""So many of the odd events a run must show, if the others are events that no run of this service ever writes."""

SAID_MIN = 2
"""So many traits of one event tell it from another that only has its name: the event, and something that it says."""

_HEAD = re.compile(r": |, | and | in ")
_ANYWHERE = ("access line", "answered with ", "request without ", "completion ")
_UNNAMED = (*_ANYWHERE, "line: ", "traceback", "error traceback", "exception ")


def event_of(trait: str) -> str:
    """The event of the service that a trait is about; the trait itself where it is about none."""
    return trait if trait.startswith(("line: ", *_ANYWHERE)) else _HEAD.split(trait, maxsplit=1)[0]


def explained(shares: Iterable[str], lacks: Iterable[str], known: Iterable[str]) -> float:
    """How much of what is odd in a log a run shows, 0 to 1, without the events that no run ever wrote.

    Those are of something else that went wrong. They are set aside only where the run shows an event of the service with
    what it says, and with `EVENTS_MIN` of all: what any service logs, such as a status, makes no log that of this one.
    """
    shown, written = tuple(shares), frozenset(known)
    lacking = tuple(lacks)
    said = Counter(event_of(trait) for trait in shown if not trait.startswith(_UNNAMED))
    events = {event_of(trait) for trait in (*shown, *lacking) if not trait.startswith(_UNNAMED)}
    if max(said.values(), default=0) < SAID_MIN or len(said) < EVENTS_MIN * len(events):
        return 0.0
    lost = [one for one in lacking if one.startswith(_ANYWHERE) or event_of(one) in written]
    return len(shown) / (len(shown) + len(lost))
