"""Where calls are made from, what a call has of its own, and the table of its kinds."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from harness.bridges.adapter import Adapter, Context, Option, Token


class Wrong(Exception):
    """A call has not given what it had to give."""


class Case:
    """One call's own value: what it returns, and how often its coroutine ran."""

    __slots__ = ("ran",)

    def __init__(self) -> None:
        self.ran = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Site:
    """Where calls are made from, and what they have left running: a coroutine stands in `unfinished` until its `finally`."""

    adapter: Adapter
    enter_worker: Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]
    may_fork: bool
    tokens: "SimpleQueue[Token]" = field(default_factory=SimpleQueue)
    unfinished: set[Case] = field(default_factory=set)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call: how many of ten thousand, what it asks of the bridge, and where; it raises `Wrong`."""

    name: str
    share: int
    make: Callable[[Site], None]
    needs: Option | None
    forks: bool
    nests: bool

    def __call__(self, site: Site) -> None:
        """Make one call, and judge its answer."""
        self.make(site)


def kind(
    share: int, needs: Option | None = None, *, forks: bool = False, nests: bool = False
) -> Callable[[Callable[[Site], None]], Kind]:
    """Make a kind of a function, under its name."""

    def made(make: Callable[[Site], None]) -> Kind:
        return Kind(make.__name__, share, make, needs, forks, nests)

    return made


def kinds_for(site: Site, kinds: Iterable[Kind]) -> list[Kind]:
    """The kinds that the bridge can be asked for in this place; only calls inside a worker thread can be nested."""
    nests = Context.WORKER in site.adapter.contexts
    return [
        kind
        for kind in kinds
        if (kind.needs is None or kind.needs in site.adapter.accepts)
        and (site.may_fork or not kind.forks)
        and (nests or not kind.nests)
    ]
