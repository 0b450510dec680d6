"""asgiref, as Django uses it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from harness.bridges.adapter import Adapter

SYNC = import_module("asgiref.sync")
T = TypeVar("T")


class AsyncToSync(Adapter):
    """`async_to_sync`: on the loop of the `sync_to_async` above it, or on a new loop in a new thread."""

    name = "asgiref"
    distribution = "asgiref"

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return SYNC.async_to_sync(function)(*args)

    async def in_worker(self, function: Callable[[], T]) -> T:
        """By `sync_to_async`, which `async_to_sync` finds its way back from: by default into one thread, in turn."""
        value: T = await SYNC.sync_to_async(function)()
        return value
