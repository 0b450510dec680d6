"""What the standard library offers by itself."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from harness.bridges.adapter import Adapter, Option
from harness.bridges.peers.handed_over import handed_over


class AsyncioRun(Adapter):
    """`asyncio.run`: a new loop for each call."""

    name = "asyncio-run"

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on a loop of its own."""
        return handed_over(asyncio.run, function(*args))


class RunnerPerThread(Adapter):
    """An `asyncio.Runner` for each thread, kept as long as the thread."""

    name = "runner-per-thread"

    def __init__(self) -> None:
        self._local = threading.local()

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on the thread's own loop."""
        if not hasattr(self._local, "runner"):
            self._local.runner = asyncio.Runner()
        return handed_over(self._local.runner.run, function(*args))


class Threadsafe(Adapter):
    """`run_coroutine_threadsafe` onto one loop in a daemon thread, and a wait for its future."""

    name = "threadsafe"
    accepts = frozenset({Option.TIMEOUT})

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None, **_options: Any
    ) -> Any:
        """A call on the background loop."""
        return asyncio.run_coroutine_threadsafe(function(*args), self._loop).result(timeout)
