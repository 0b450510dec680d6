"""The three ways that anyio offers."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from anyio import from_thread

from harness.bridges.adapter import Adapter, Context


class EnteredPortal(Adapter):
    """A blocking portal, entered by the first call and never left."""

    name = "anyio-portal"
    distribution = "anyio"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = contextlib.ExitStack()
        self._portal: from_thread.BlockingPortal | None = None

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on the portal's loop."""
        with self._lock:
            if self._portal is None:
                self._portal = self._entered.enter_context(from_thread.start_blocking_portal())
        return self._portal.call(function, *args)


class PortalProvider(Adapter):
    """A portal that lives while somebody is calling."""

    name = "anyio-provider"
    distribution = "anyio"

    def __init__(self) -> None:
        self._provider = from_thread.BlockingPortalProvider()

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on the loop that calls at the same time share."""
        with self._provider as portal:
            return portal.call(function, *args)


class FromThread(Adapter):
    """`from_thread.run`: from a worker thread of anyio's to its host loop, and from nowhere else."""

    name = "anyio-from-thread"
    distribution = "anyio"
    contexts = frozenset({Context.WORKER, Context.ON_LOOP})

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on the host loop."""
        return from_thread.run(function, *args)
