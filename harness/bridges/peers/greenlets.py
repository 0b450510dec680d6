"""Packages that suspend the sync code instead: inside of their portal, and nowhere else."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from harness.bridges.adapter import Adapter, Context

T = TypeVar("T")


class Greenback(Adapter):
    """`greenback.await_` under `with_portal_run_sync`."""

    name = "greenback"
    distribution = "greenback"
    contexts = frozenset({Context.PORTAL})

    def __init__(self) -> None:
        self._package = import_module("greenback")

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return self._package.await_(function(*args))

    async def portal(self, function: Callable[[], T]) -> T:
        """The portal of one call."""
        value: T = await self._package.with_portal_run_sync(function)
        return value


class Sqlalchemy(Adapter):
    """`await_` under `greenlet_spawn`, as SQLAlchemy's asynchronous engines do it."""

    name = "sqlalchemy"
    distribution = "SQLAlchemy"
    contexts = frozenset({Context.PORTAL})

    def __init__(self) -> None:
        self._package = import_module("sqlalchemy.util.concurrency")

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return self._package.await_(function(*args))

    async def portal(self, function: Callable[[], T]) -> T:
        """The greenlet of one call."""
        value: T = await self._package.greenlet_spawn(function)
        return value
