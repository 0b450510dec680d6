"""The app as its child sees it: wrapped so that every answer carries the run's nonce, and watched from a thread.

The ticker is a chain of `call_later` on the app's own loop: no task, so that it does not count itself, and late by
exactly as long as something blocked the loop.
"""

import asyncio
import builtins
import gc
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import anyio.to_thread

from harness.targets.system import memory_bytes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

NONCE_HEADER = "x-shakeout-nonce"
TICK_S = 0.01
STARTED = "lifespan.startup.complete"
UNCOUNTED = {builtins.__name__, weakref.__name__, __name__.partition(".")[0]}


class WitnessedApp:
    """An ASGI app whose answers are signed with a nonce and whose loop, tasks, threads, descriptors and memory can be read."""

    def __init__(self, app: App, *, nonce: str, held: Callable[[], Awaitable[None]] | None = None) -> None:
        self._app = app
        self._held = held
        self._header = (NONCE_HEADER.encode(), nonce.encode())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._has_process = False
        self._due = 0.0
        self._late_s = 0.0
        self._lock = threading.Lock()
        self._over = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the app's lifespan, once that has begun."""
        assert self._loop is not None, "the app is asked for its loop before its lifespan has begun"
        return self._loop

    def rest(self) -> None:
        """Tick no more: nobody reads it from now on, and time must not pass for it."""
        self._over = True

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass everything on; the loop of the lifespan is the one that is watched."""
        if scope["type"] == "lifespan":
            self._watch(asyncio.get_running_loop())
            await self._app(scope, receive, self._told_late(send) if self._held else send)
            return

        began = False

        async def signed(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = [*message.get("headers", ()), self._header, *_last_of(message["status"])]
            await send(message)

        try:
            await self._app(scope, receive, signed)
        finally:
            if scope["type"] == "http" and not began:
                # What the server answers for an app that raised, or said nothing, would carry no nonce.
                for message in _failure():
                    await signed(message)

    def _told_late(self, send: Send) -> Send:
        """What the app tells of its start-up is passed on when it is no longer held."""

        async def told(message: Message) -> None:
            if message["type"] == STARTED and self._held:
                await self._held()
            await send(message)

        return told

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to tick on the app's loop. A process whose main thread that runs in is the app's own, and has its memory."""
        self._loop = loop
        self._limiter = anyio.to_thread.current_default_thread_limiter()
        self._has_process = threading.current_thread() is threading.main_thread()
        self._due = time.monotonic() + TICK_S
        loop.call_later(TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note how late this tick is, and ask for the next."""
        now = time.monotonic()
        with self._lock:
            self._late_s = max(self._late_s, now - self._due)
            self._due = now + TICK_S
        if not self._over:
            loop.call_later(TICK_S, self._tick, loop)

    def read(self) -> dict[str, Any]:
        """What there is to know now, by the names of `Probe`; the lag is the longest since the last reading.

        One that still lasts is included.
        """
        with self._lock:
            late_s = max(self._late_s, time.monotonic() - self._due)
            self._late_s = 0.0
        tasks = asyncio.all_tasks(self._loop) if self._loop is not None else ()
        return {
            "loop_lag_ms_max": max(0.0, late_s) * 1000,
            "tasks": len(tasks),
            "threads": threading.active_count(),
            "limiter_tokens": self._limiter.borrowed_tokens if self._limiter is not None else 0,
            "memory_bytes": memory_bytes(os.getpid()) if self._has_process else 0,
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # Path.iterdir would hold one more
            "names": {"tasks": sorted(getattr(task.get_coro(), "__qualname__", "task") for task in tasks)},
        }


def process_names() -> dict[str, list[str]]:
    """What the threads of this process are called, and where its descriptors lead to."""
    folder = "/proc/self/fd"
    descriptors = []
    for name in os.listdir(folder):  # noqa: PTH208  # as above
        with suppress(FileNotFoundError):  # closed meanwhile, as the one that the list was read through
            descriptors.append(os.readlink(f"{folder}/{name}"))  # noqa: PTH115  # of a pathlib.Path, a socket is no path
    return {"threads": [thread.name for thread in threading.enumerate()], "descriptors": descriptors}


def objects() -> int:
    """How many objects the collector knows, of classes that are neither Python's own nor the harness's, without garbage.

    Weak references keep nothing; SQLite's connections gather dead ones. What was frozen counts every time, or never: a
    fault may thaw it between two counts.
    """
    gc.unfreeze()
    gc.collect()
    modules = (str(type(one).__module__).partition(".")[0] for one in gc.get_objects())
    return sum(module not in UNCOUNTED for module in modules)


def _last_of(status: int) -> list[tuple[bytes, bytes]]:
    """What tells a client to send no more on a connection: uvicorn closes that on which an app raised behind its answer."""
    return [(b"connection", b"close")] if status == HTTPStatus.INTERNAL_SERVER_ERROR else []


def _failure() -> tuple[Message, Message]:
    """What uvicorn answers in the place of an app that did not."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    return (
        {"type": "http.response.start", "status": 500, "headers": headers},
        {"type": "http.response.body", "body": b"Internal Server Error"},
    )
