"""The signature of a log: which traits its requests have, how many have each, and the lines that show it."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Protocol

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents.sessions import Sessions
from harness.incidents.threads import Threads
from harness.incidents.traits import TRAIT_CHARACTERS_MAX, Trait, orders_of, traits_of
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
    """What a log says. `traits` counts the requests that have each, `orders` those in which one event follows another.

    `assumptions` are how requests were told apart.
    """

    threads: int
    traits: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    def rate(self, trait: str) -> float:
        """How many of the requests have a trait, 0 to 1."""
        return self.traits.get(trait, 0) / self.threads if self.threads else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What sets a log apart from a healthy one: of each trait, how much more often a request has it, 0 to 1.

    `orders` are those that a healthy log does not have, or has clearly less often.
    """

    traits: Mapping[str, float] = field(default_factory=dict)
    orders: frozenset[str] = frozenset()
    assumptions: tuple[str, ...] = ()


class Read(Protocol):
    """Makes a signature of what was logged: `signature_of`, with what is to be hidden in it."""

    def __call__(self, records: Iterable[LogRecord], contract: Contract) -> Signature:
        """The signature of a log."""


def signature_of(
    records: Iterable[LogRecord],
    contract: Contract,
    redactor: Redactor | None = None,
    heard: Callable[[LogRecord], None] = lambda _: None,
) -> Signature:
    """The signature of a log, in one pass; memory is bounded by the traits and the secrets, not by the lines.

    Lines are redacted before anything is made of them, of an incident and of a run alike: in a trait there are no
    quotes left that tell where a secret ends. Of the secrets the redactor keeps a hash each. `heard` is told of each
    line that is kept as an example, once.
    """
    redactor = redactor or Redactor()
    threads, sessions = (
        Threads(contract.completion_event, contract.session_names),
        Sessions(contract.session_names),
    )
    traits, orders = _Tally(heard), _Tally(heard)
    number = 0
    for thread in threads.of(records):
        number += 1
        hidden = replace(thread, records=tuple(map(redactor.log, thread.records)))
        found = (*traits_of(hidden, contract.completion_event), *sessions.traits(hidden))
        traits.add((trait[:TRAIT_CHARACTERS_MAX], record) for trait, record in found)
        orders.add(orders_of(hidden))
    return Signature(
        threads=number,
        traits=dict(traits.counts),
        orders=dict(orders.counts),
        examples={
            trait: tuple(shown) for trait, shown in (*orders.examples.items(), *traits.examples.items())
        },
        assumptions=threads.assumptions,
    )


class _Tally:
    """How many requests have a trait, and the first lines that show it."""

    def __init__(self, heard: Callable[[LogRecord], None]) -> None:
        self._heard = heard
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[Example]] = {}

    def add(self, found: Iterable[Trait]) -> None:
        """Count those of one request, each once and with the first line that shows it."""
        first: dict[str, LogRecord] = {}
        heard = set[int]()
        for trait, record in found:
            first.setdefault(trait, record)
        for trait, record in first.items():
            if trait not in self.counts and len(self.counts) >= TRAITS_MAX:
                continue
            self.counts[trait] += 1
            shown = self.examples.setdefault(trait, [])
            if len(shown) < EXAMPLES_MAX:
                shown.append(Example(line=record.line, text=record.text[:_TEXT_MAX]))
                if id(record) not in heard:
                    heard.add(id(record))
                    self._heard(record)


def odd(signature: Signature, healthy: Signature) -> Odd:
    """The traits and orders that the healthy log does not have, or has clearly less often per request.

    Clearly is three times at least, twice as often, and by more than three standard deviations of what would be due
    by chance. That something took less time than it mostly does is odd only where it never did before.
    """
    asked, usual = open_fields(healthy.traits), usual_magnitudes(healthy.traits)
    found = {}
    for trait, count in signature.traits.items():
        due = healthy.rate(trait) * signature.threads
        if (not due or (_clearly(count, due) and _larger(trait, usual))) and _field(trait)[0] not in asked:
            found[trait] = (count - due) / count
    shares = {order: count / healthy.threads for order, count in healthy.orders.items()}
    orders = (
        order
        for order, count in signature.orders.items()
        if order not in shares or _clearly(count, shares[order] * signature.threads)
    )
    return Odd(traits=found, orders=frozenset(orders), assumptions=signature.assumptions)


def _clearly(count: int, due: float) -> bool:
    """Whether so many are more than what is due, and not by chance."""
    return count >= _LEAST and count > due * _TIMES and count - due > _CLEARLY * sqrt(due)


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
