"""Bridges described again in their own style: a plan's snippet, and two packages too heavy to install for a row."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.bridges.adapter import Adapter, Option
from harness.bridges.peers.handed_over import handed_over


def on_new_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop that lives as long as it; tasks that it leaves behind are not awaited."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


class Fix1(Adapter):
    """The emergency plan's Fix 1: on a running loop a thread and a loop for the call, elsewhere `asyncio.run`."""

    name = "fix1"
    accepts = frozenset({Option.TIMEOUT})

    def run(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None, **_options: Any
    ) -> Any:
        """A call; the timeout bounds the wait for the thread, and leaving the pool waits for the thread again."""
        try:
            asyncio.get_running_loop()
            with ThreadPoolExecutor() as pool:
                return pool.submit(lambda: on_new_loop(function(*args))).result(timeout)
        except RuntimeError:
            return handed_over(asyncio.run, function(*args))


class LlamaIndexStyle(Adapter):
    """As llama_index's `asyncio_run`: the thread's own loop, or a thread for the call where that one is running."""

    name = "llama-index-style"

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call; where one way ends in a RuntimeError, whoever raised it, the next is tried."""
        return handed_over(self._run, function(*args))

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            loop = asyncio.get_event_loop()
            if not loop.is_running():
                return loop.run_until_complete(coroutine)
            with ThreadPoolExecutor(max_workers=1) as pool:
                return pool.submit(contextvars.copy_context().run, on_new_loop, coroutine).result()
        except RuntimeError:
            try:
                return asyncio.run(coroutine)
            except RuntimeError:
                raise RuntimeError("a nested call: use the asynchronous methods instead") from None


class PrefectStyle(Adapter):
    """As prefect's `run_coro_as_sync`: one loop for all, in a thread; from inside of it a new loop and thread."""

    name = "prefect-style"

    def __init__(self) -> None:
        self._inside = contextvars.ContextVar("inside", default=False)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner = 0

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call on the one loop; a caller that is interrupted cancels it."""
        if self._inside.get():
            with ThreadPoolExecutor(max_workers=1) as pool:
                return pool.submit(contextvars.copy_context().run, asyncio.run, function(*args)).result()
        context = contextvars.copy_context()
        future = asyncio.run_coroutine_threadsafe(self._marked(function(*args), context), self._shared_loop())
        try:
            return future.result()
        finally:
            future.cancel()

    async def _marked(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> Any:
        context.run(self._inside.set, True)
        return await asyncio.get_running_loop().create_task(coroutine, context=context)

    def _shared_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._owner != os.getpid():
                self._loop, self._owner = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
            return self._loop
