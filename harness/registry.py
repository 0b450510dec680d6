"""Registries: an extension is one thing on one screen, with its name at its definition.

Concrete faults and invariants are found by name through here; whoever plays or judges never imports one.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Protocol, TypeVar

from harness.errors import UsageError
from harness.history import WITNESSES, Contract, History
from harness.verdict import Finding

T = TypeVar("T")
F = TypeVar("F", bound="type[FaultClass]")

Check = Callable[[History], Iterable[Finding]]


class FaultClass(Protocol):
    """What the registry wants of a fault: a name that its decorator set, and a docstring."""

    name: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A named oracle: `check` yields what is wrong; `witnesses` must testify, or there is no judgement.

    `promises` are fields of the contract: where the target does not promise them, the oracle is not applicable.
    """

    name: str
    check: Check
    witnesses: frozenset[str]
    summary: str
    promises: tuple[str, ...] = ()

    def __call__(self, history: History) -> Iterable[Finding]:
        """Judge one history."""
        return self.check(history)


class Registry(Generic[T]):
    """Names to things of one kind; `package` is imported on first use, so that its modules register themselves."""

    def __init__(self, kind: str, package: str) -> None:
        self._kind = kind
        self._package = package
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register under a name that nobody has."""
        if name in self._things:
            raise ValueError(f"two {self._kind}s are called {name}")
        self._things[name] = thing

    def get(self, name: str) -> T:
        """The thing of that name.

        Raises:
            UsageError: there is none; the message lists what there is.
        """
        things = dict(self.items())
        if name not in things:
            raise UsageError(f"no {self._kind} is called {name}; there are: {', '.join(sorted(things))}")
        return things[name]

    def items(self) -> Iterator[tuple[str, T]]:
        """All names with their things, sorted by name."""
        importlib.import_module(self._package)
        return iter(sorted(self._things.items()))

    def values(self) -> tuple[T, ...]:
        """All things, sorted by name."""
        return tuple(thing for _, thing in self.items())


INVARIANTS: Registry[Invariant] = Registry("invariant", "harness.invariants")
FAULTS: Registry[type[FaultClass]] = Registry("fault", "harness.faults")


def invariant(
    name: str, *, witnesses: Iterable[str], promises: Iterable[str] = ()
) -> Callable[[Check], Invariant]:
    """Register a pure function of a history as the universal invariant `name`.

    Raises:
        ValueError: a witness or a field of the contract does not exist.
    """
    needed, promised = frozenset(witnesses), tuple(promises)
    if unknown := set(promised) - {item.name for item in fields(Contract)}:
        raise ValueError(f"{name}: no such promise in a contract: {sorted(unknown)}")
    if not needed <= WITNESSES:
        raise ValueError(f"{name}: no such witness: {sorted(needed - WITNESSES)}")

    def register(check: Check) -> Invariant:
        summary = (check.__doc__ or "").strip().splitlines()[0]
        made = Invariant(name=name, check=check, witnesses=needed, summary=summary, promises=promised)
        INVARIANTS.add(name, made)
        return made

    return register


def fault(name: str) -> Callable[[F], F]:
    """Register a fault class under its dotted name, `plane.what`, and set that name on it."""

    def register(kind: F) -> F:
        kind.name = name
        FAULTS.add(name, kind)
        return kind

    return register
