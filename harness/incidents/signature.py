"""The signature of a log: which traits its requests have, how many have each, and the lines that show it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Protocol

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents.sessions import Sessions
from harness.incidents.threads import Threads
from harness.incidents.traits import TRAIT_CHARACTERS_MAX, traits_of
from harness.redaction import Redactor

EXAMPLES_MAX = 3
"""So many lines are kept for each trait."""

TRAITS_MAX = 20_000
"""So many different traits are kept; a log with more has free text where events should be."""

VALUES_MAX = 4
"""A field with so many values in a healthy log tells of what was asked for: one more value of it is not odd."""

_CLEARLY = 3.0
_TIMES = 2.0
_LEAST = 3
_MAGNITUDE = re.compile(r"~1e(-?[0-9]{1,3})")
_TEXT_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A line of the log that shows a trait; `line` counts from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a log says. `traits` counts the requests that have each; `assumptions` are how requests were told apart."""

    threads: int
    traits: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    def rate(self, trait: str) -> float:
        """How many of the requests have a trait, 0 to 1."""
        return self.traits.get(trait, 0) / self.threads if self.threads else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What sets a log apart from a healthy one: of each trait, how much more often a request has it, 0 to 1."""

    traits: Mapping[str, float] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()


class Read(Protocol):
    """Makes a signature of what was logged: `signature_of`, with what is to be hidden in it."""

    def __call__(self, records: Iterable[LogRecord], contract: Contract) -> Signature:
        """The signature of a log."""


def signature_of(
    records: Iterable[LogRecord], contract: Contract, redactor: Redactor | None = None
) -> Signature:
    """The signature of a log, in one pass; memory is bounded by the traits and the secrets, not by the lines.

    Lines are redacted before anything is made of them, of an incident and of a run alike: in a trait there are no
    quotes left that tell where a secret ends. Of the secrets the redactor keeps a hash each.
    """
    redactor = redactor or Redactor()
    threads, sessions = Threads(contract.completion_event), Sessions()
    counts: Counter[str] = Counter()
    examples: dict[str, list[Example]] = {}
    number = 0
    for thread in threads.of(records):
        number += 1
        hidden = replace(thread, records=tuple(map(redactor.log, thread.records)))
        found = (*traits_of(hidden, contract.completion_event), *sessions.traits(hidden))
        cut = {trait[:TRAIT_CHARACTERS_MAX]: record for trait, record in found}
        for trait, record in cut.items():
            if trait not in counts and len(counts) >= TRAITS_MAX:
                continue
            counts[trait] += 1
            shown = examples.setdefault(trait, [])
            if len(shown) < EXAMPLES_MAX:
                shown.append(Example(line=record.line, text=record.text[:_TEXT_MAX]))
    return Signature(
        threads=number,
        traits=dict(counts),
        examples={trait: tuple(shown) for trait, shown in examples.items()},
        assumptions=threads.assumptions,
    )


def odd(signature: Signature, healthy: Signature) -> Odd:
    """The traits that the healthy log does not have, or has clearly less often per request.

    Clearly is three times at least, twice as often, and by more than three standard deviations of what would be due
    by chance. That something took less time than it mostly does is odd only where it never did before.
    """
    asked, usual = open_fields(healthy.traits), usual_magnitudes(healthy.traits)
    found = {}
    for trait, count in signature.traits.items():
        due = healthy.rate(trait) * signature.threads
        clearly = count >= _LEAST and count > due * _TIMES and count - due > _CLEARLY * sqrt(due)
        if ((clearly and _larger(trait, usual)) or not due) and _field(trait)[0] not in asked:
            found[trait] = (count - due) / count
    return Odd(traits=found, assumptions=signature.assumptions)


def open_fields(traits: Iterable[str]) -> frozenset[str]:
    """The fields that have many values, statuses and magnitudes aside."""
    values = defaultdict(set)
    for trait in traits:
        name, value = _field(trait)
        if value and not value[0].isdigit() and value[0] != "~":
            values[name].add(value)
    return frozenset(name for name, held in values.items() if len(held) >= VALUES_MAX)


def usual_magnitudes(traits: Mapping[str, int]) -> dict[str, int]:
    """The magnitude that each number has most often, as a power of ten."""
    most: dict[str, tuple[int, int]] = {}
    for trait, count in traits.items():
        name, value = _field(trait)
        if found := _MAGNITUDE.fullmatch(value):
            most[name] = max(most.get(name, (0, 0)), (count, int(found[1])))
    return {name: magnitude for name, (_, magnitude) in most.items()}


def _larger(trait: str, usual: Mapping[str, int]) -> bool:
    """Whether a number is larger than it mostly is; true of what is no magnitude."""
    name, value = _field(trait)
    found = _MAGNITUDE.fullmatch(value)
    return found is None or name not in usual or int(found[1]) > usual[name]


def _field(trait: str) -> tuple[str, str]:
    """The field that a trait is about, and its value; no value where it is about none."""
    name, _, value = trait.partition("=")
    return name, value
