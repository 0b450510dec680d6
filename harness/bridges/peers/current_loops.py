"""Packages that run a coroutine on the calling thread's loop, whatever that is."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.bridges.adapter import Adapter
from harness.bridges.peers.handed_over import handed_over


class Syncer(Adapter):
    """`syncer.sync` of a coroutine."""

    name = "syncer"
    distribution = "syncer"

    def __init__(self) -> None:
        self._package = import_module("syncer")

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return handed_over(self._package.sync, function(*args))


class Universalasync(Adapter):
    """`async_to_sync_wraps`, whose functions are synchronous but where a loop is running."""

    name = "universalasync"
    distribution = "universalasync"

    def __init__(self) -> None:
        self._package = import_module("universalasync")

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return self._package.async_to_sync_wraps(function)(*args)
