"""A pytest plugin that takes one check, or one fault, its effect: whoever tests it must notice."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from harness import library
from harness.registry import FAULTS, INVARIANTS, Invariant, held_under
from harness.variants import variants

VARIABLE = "SHAKEOUT_MUTANT"
"""`invariant:NAME` or `fault:NAME`."""


def oracles() -> dict[str, Invariant]:
    """Every invariant by its name: the universal ones, those of the faults, and those of the scenarios."""
    armed = [fault for kind in FAULTS.values() for fault in variants(kind)]
    own = [one for scenario in library.find(()) for one in scenario.invariants]
    return {one.name: one for one in (*INVARIANTS.values(), *held_under(armed), *own)}


def empty(name: str) -> None:
    """Let every invariant of that name find nothing, whoever holds it, also one that is made later."""
    make = Invariant.__init__

    def made(self: Invariant, **values: Any) -> None:
        make(self, **values)
        if self.name == name:
            object.__setattr__(self, "check", lambda _history: ())

    setattr(Invariant, "__init__", made)  # noqa: B010  # mypy takes no assignment to it
    object.__setattr__(oracles()[name], "check", lambda _history: ())


def disarm(fault: Any) -> None:
    """Let it do nothing, in a run and on a bench."""

    @asynccontextmanager
    async def inject(_self: Any, _rig: Any) -> AsyncIterator[None]:
        yield

    @contextmanager
    def within(_self: Any, _inside: Any) -> Iterator[None]:
        yield

    fault.inject = inject
    if hasattr(fault, "within"):
        fault.within = within


def pytest_configure() -> None:
    """Mutate, before any test is imported."""
    kind, _, name = os.environ[VARIABLE].partition(":")
    if kind == "invariant":
        empty(name)
    else:
        disarm(FAULTS.get(name))
