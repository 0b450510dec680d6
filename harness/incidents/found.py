"""What is written down of a reproduction: the incident, its evidence, and what was assumed."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from harness.incidents.diagnose import Cause, Diagnosis
from harness.incidents.shown import Shown
from harness.incidents.smaller import Smallest
from harness.scenario import CANARY, flat

EVIDENCE_MAX = 6
TRAITS_MAX = 12
OTHERS_MAX = 5

_PATH = re.compile(r"access line: status_code=\d+ with path=(/.*)")

NO_BODIES = (
    "the log does not hold what was sent: the turns, their messages and their order are those of the scenario "
    "that was played"
)


def strange(diagnosis: Diagnosis, redact: Callable[[str], str]) -> tuple[str, ...]:
    """What is to be said of a log in which nothing is like anything that the target wrote, or of what nobody sent it.

    What is quoted of the log goes through `redact`.
    """
    written = diagnosis.healthy.traits.keys() | diagnosis.logged
    if not diagnosis.played or not written:
        return ()
    if not diagnosis.incident.traits.keys() & written:
        return (
            "nothing in this log is like anything that the target logs; is it that of this service? see --target",
        )
    others = sorted(_paths(diagnosis.incident.traits) - _paths(written))
    if not others:
        return ()
    return (
        f"no run sent what the log has of {redact(_named(others))}: only turns are, and what needs no body",
    )


def _named(names: Sequence[str]) -> str:
    """Some names in a sentence; of many, the first and how many more there are."""
    more = f" and {len(names) - OTHERS_MAX} more" if len(names) > OTHERS_MAX else ""
    return f"{', '.join(names[:OTHERS_MAX])}{more}"


def _paths(traits: Iterable[str]) -> set[str]:
    """The paths of the access lines among the traits."""
    found = map(_PATH.match, traits)
    return {one[1] for one in found if one}


def assumptions(
    diagnosis: Diagnosis, cause: Cause | None, small: Smallest | None, text: str | None
) -> tuple[str, ...]:
    """What nobody could read in the log, and was taken to be so; `text` is the message that was given, if one was."""
    told = list(diagnosis.incident.assumptions)
    if cause is not None:
        told += [one for one in cause.distance.assumptions if one not in told]
    if others := [name for name in diagnosis.equals if cause is not None and name != cause.suspect.name]:
        told.append(f"as near, and the log does not tell them apart: {_named(others)}")
    return (*told, NO_BODIES + ("" if text is None else _message_of(small, text)))


def _message_of(small: Smallest | None, text: str) -> str:
    """What became of the message that was given: what was made smaller may do without it."""
    steps = () if small is None else flat(small.tried.suspect.scenario.steps)
    plain = text.replace(CANARY, "")
    if small is None or any(plain in getattr(step, "message", "") for step in steps):
        return "; the message is the one that --input gave"
    return "; it fails so without the message that --input gave"


def evidence(diagnosis: Diagnosis, cause: Cause | None) -> tuple[str, ...]:
    """The lines of the log that a run of the cause explains, each once, in their order; without one, the odd ones."""
    shown = {
        example.line: _first_line(example.text)
        for trait in (diagnosis.odd if cause is None else cause.distance.shares)
        for example in diagnosis.incident.examples.get(trait, ())[:1]
    }
    return tuple(f"line {line}: {shown[line]}" for line in sorted(shown))[:EVIDENCE_MAX]


def _first_line(text: str) -> str:
    """The first line of a record, and whether there are more."""
    first, _, rest = text.partition("\n")
    return f"{first} ..." if rest else first


def told(
    diagnosis: Diagnosis,
    cause: Cause,
    small: Smallest,
    *,
    assumed: Sequence[str],
    replay: str,
    shown: Shown,
) -> Iterator[str]:
    """The docstring of the file, line by line; what is of the log is redacted, `replay` is the command that runs it."""
    ours, log = shown.ours.text, shown.log.text
    violation = next(one for one in small.tried.violations if one.invariant == small.invariant)
    yield f"From the log of an incident: {cause.suspect.name}; {small.invariant} is broken."
    yield ""
    yield ours(violation.message)
    yield ""
    yield from _listed("The lines of the log:", evidence(diagnosis, cause), shown.log.line)
    yield from _listed("In the log and in a run of this:", small.distance.shares, log)
    yield from _listed("In the log, and not explained by this:", small.unexplained, log)
    yield from _listed("In the log, and in another order in a run:", small.distance.reordered, log)
    yield from _listed("In a run of this, and not in the log:", small.distance.beyond, log)
    yield from _listed("Assumed:", assumed, ours)
    if small.tried.suspect.defects:
        yield "It fails with this mistake, which the service as it is does not have: without it, it passes."
    yield f"Again: {replay}"


def _listed(heading: str, items: Sequence[str], redact: Callable[[str], str]) -> Iterator[str]:
    """A heading with its items; nothing where there are none."""
    if not items:
        return
    yield heading
    yield from (f"  {redact(item)}" for item in items[:TRAITS_MAX])
    if len(items) > TRAITS_MAX:
        yield f"  and {len(items) - TRAITS_MAX} more"
    yield ""
