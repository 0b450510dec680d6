"""Registries: an extension is one thing on one screen, with its name at its definition.

Concrete faults and invariants are found by name through here; whoever plays or judges never imports one.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from types import MappingProxyType
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
    With `of_a_cut_run` it can judge a run in whose midst the target died; the others need to have seen the end of it.
    What it finds `at_rest` is told after what somebody met while there was work.
    """

    name: str
    check: Check
    witnesses: frozenset[str]
    summary: str
    promises: tuple[str, ...] = ()
    of_a_cut_run: bool = False
    at_rest: bool = False

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


ALL_STAGES = ("simulated", "live")

CAPABILITIES = MappingProxyType(
    {
        "provider": "a provider that the harness stands for, by provider_variable",
        "sessions": "turns that belong to a session, {session} in the body of [turn]",
        "keys": "idempotency keys, keys = true in [turn]",
        "streams": "answers as server-sent events, stream in [turn]",
        "provider_whole": "answers of its provider in one piece, which no call without a fault asked for",
        "provider_streams": "streams of its provider, provider_streams = true",
        "store": 'its state in SQLite, store = "sqlite", and an app',
        "process": "a process that the harness started, by app or command",
        "inside": "a process that holds the app, by app",
        "sync_entry": "a synchronous entry, sync_entry, and an app",
        "worker": "a thread or task of its own that works as long as it lives, worker, and an app",
        "deadline": "a variable that takes the deadline of a turn, deadline_variable, and a provider",
        "log_file": "a file of each run that it writes its log to, log with {directory} in it",
        "output": "lines on its standard output, which a run without a fault had",
        "factory": "an app that is built by a factory, which was seen when it was started",
        "worker_threads": "work in worker threads of anyio, as of `def` routes, which no run without a fault had",
        "request_ids": "ids of requests in answers, log and provider calls, request_ids = true in [contract]",
        "scores": "answers of its provider in JSON with a confidence, which no call without a fault had",
        "kept_connections": "calls that do not all say `Connection: close`, which every one without a fault did",
        "provider_key": "an Authorization in its calls, which none without a fault had",
    }
)
"""What a target may have, by the word that a fault's `needs` uses."""

OBSERVED = frozenset(
    {
        "scores",
        "kept_connections",
        "provider_key",
        "provider_whole",
        "factory",
        "output",
        "worker_threads",
    }
)
"""Those that no profile tells of: they are seen in a run without a fault."""

INVARIANTS: Registry[Invariant] = Registry("invariant", "harness.invariants")
FAULTS: Registry[type[FaultClass]] = Registry("fault", "harness.faults")


def oracle(
    name: str,
    *,
    witnesses: Iterable[str],
    promises: Iterable[str] = (),
    of_a_cut_run: bool = False,
    at_rest: bool = False,
) -> Callable[[Check], Invariant]:
    """Make a pure function of a history an invariant, for a fault's `holds` or for a scenario's own.

    Raises:
        ValueError: a witness or a field of the contract does not exist.
    """
    needed, promised = frozenset(witnesses), tuple(promises)
    if unknown := set(promised) - {item.name for item in fields(Contract)}:
        raise ValueError(f"{name}: no such promise in a contract: {sorted(unknown)}")
    if not needed <= WITNESSES:
        raise ValueError(f"{name}: no such witness: {sorted(needed - WITNESSES)}")

    def made(check: Check) -> Invariant:
        summary = (check.__doc__ or "").strip().splitlines()[0]
        return Invariant(
            name=name,
            check=check,
            witnesses=needed,
            summary=summary,
            promises=promised,
            of_a_cut_run=of_a_cut_run,
            at_rest=at_rest,
        )

    return made


def invariant(
    name: str,
    *,
    witnesses: Iterable[str],
    promises: Iterable[str] = (),
    of_a_cut_run: bool = False,
    at_rest: bool = False,
) -> Callable[[Check], Invariant]:
    """Register a pure function of a history as the universal invariant `name`.

    Raises:
        ValueError: as `oracle` does; or the name is taken.
    """
    make = oracle(name, witnesses=witnesses, promises=promises, of_a_cut_run=of_a_cut_run, at_rest=at_rest)

    def register(check: Check) -> Invariant:
        made = make(check)
        INVARIANTS.add(name, made)
        return made

    return register


def fault(
    name: str,
    *,
    stages: tuple[str, ...] = ALL_STAGES,
    because: str = "",
    needs: Iterable[str] = ("provider",),
    drill: str = "",
) -> Callable[[F], F]:
    """Register a fault class under its dotted name, `plane.what`, and set on it what is given here.

    `stages` can carry it, and `because` says why others cannot. `needs` are capabilities of the target (`CAPABILITIES`) without which there is nothing that
    it could break. `drill` is the drill that a sweep plays it on, where it is not the one that `needs` ask for.

    Raises:
        ValueError: there is no such capability, or nobody is told why a stage cannot carry it.
    """
    needed = frozenset(needs)
    if (stages != ALL_STAGES) is not bool(because):
        raise ValueError(f"{name}: a fault of some stages alone says why, and no other does")
    if unknown := needed - CAPABILITIES.keys():
        raise ValueError(f"{name}: no such capability: {sorted(unknown)}")

    def register(kind: F) -> F:
        kind.name = name
        type.__setattr__(kind, "because", because)
        type.__setattr__(kind, "stages", stages)  # what a class of the user's own need not declare
        type.__setattr__(kind, "needs", needed)
        type.__setattr__(kind, "drill", drill)
        FAULTS.add(name, kind)
        return kind

    return register


def stages_of(fault: object) -> tuple[str, ...]:
    """The stages that can carry a fault; of one that says nothing of it, all."""
    found: tuple[str, ...] = getattr(fault, "stages", ALL_STAGES)
    return found


def needs_of(fault: object) -> frozenset[str]:
    """The capabilities of a target without which there is nothing that the fault could break."""
    found: frozenset[str] = getattr(fault, "needs", frozenset())
    if isinstance(fault, type):  # of which nobody knows the knobs yet
        return found
    also: frozenset[str] = getattr(fault, "needs_also", frozenset())
    return found | also


def drill_of(fault: object) -> str:
    """The drill that a sweep plays a fault on: its own, else one with streams where it needs them, else the usual one.

    What is its own may depend on its knobs: that is its `drill_also`.
    """
    streams = needs_of(fault) & {"streams", "provider_streams"}
    own: str = getattr(fault, "drill_also", "") if not isinstance(fault, type) else ""
    return own or getattr(fault, "drill", "") or ("streams" if streams else "two_sessions")


def silenced_by(faults: Iterable[object]) -> frozenset[str]:
    """The witnesses that the faults take away: what they say meanwhile is owed by nobody."""
    return frozenset(witness for fault in faults for witness in getattr(fault, "silences", ()))


def excused_by(faults: Iterable[object]) -> frozenset[str]:
    """The invariants that no target could keep under these faults, since they take away what it would need for that."""
    return frozenset(name for fault in faults for name in getattr(fault, "excuses", ()))


def calibrates(fault: object) -> bool:
    """Whether it is there to prove an oracle: under it some invariant must fail, whatever the target does."""
    return bool(getattr(fault, "calibrates", False))


def in_force(faults: Iterable[object]) -> tuple[Invariant, ...]:
    """What a run under these faults is held to: the universal invariants that it can keep, and theirs."""
    given = tuple(faults)
    excused = excused_by(given)
    universal = (one for name, one in INVARIANTS.items() if name not in excused)
    return (*universal, *held_under(given))


def held_under(faults: Iterable[object]) -> tuple[Invariant, ...]:
    """What must hold under these faults beside the universal invariants, each once."""
    return tuple(dict.fromkeys(one for fault in faults for one in getattr(fault, "holds", ())))
