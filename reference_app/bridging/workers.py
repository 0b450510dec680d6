"""Worker threads for sync code: as many as there is work for at a time, the last one that rested first.

Not a `ThreadPoolExecutor`: with a limit that is never reached, its 3.12 makes threads that it does not need.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

from reference_app.bridging.errors import BridgeClosed
from reference_app.bridging.parked import ParkedThread


class Workers:
    """Threads that are made when none is idle, and are parked until there is work again. They are daemons."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[], object], tell: Callable[[], object]) -> None:
        """Have a thread do the work, then rest, then tell of it. Neither may raise.

        Raises:
            BridgeClosed: `close` was called, or the interpreter, which is ending, starts no thread.
        """
        with self._lock:
            if self._closed:
                raise BridgeClosed
            worker = self._idle.pop() if self._idle else _Worker(self)
        worker.begin(work, tell)

    def close(self) -> None:
        """End the threads: those that rest now, the others when they have told of their work."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.dismiss()

    def rest(self, worker: "_Worker") -> bool:
        """Keep a worker for later; False where it shall end."""
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
            return not self._closed


class _Worker:
    """One thread, and the work that it was given last."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._work: tuple[Callable[[], object], Callable[[], object]] | None = None
        self._thread = ParkedThread("bridge-worker", self._serve)

    def begin(self, work: Callable[[], object], tell: Callable[[], object]) -> None:
        """Do this next."""
        self._work = work, tell
        if not self._thread.wake():
            raise BridgeClosed("no thread can be started any more: call earlier")

    def dismiss(self) -> None:
        """End, for there is nothing to do."""
        self._thread.dismiss()

    def _serve(self) -> bool:
        given, self._work = self._work, None
        if given is None:
            return False
        work, tell = given
        work()
        goes_on = self._workers.rest(self)
        with suppress(RuntimeError):  # the loop that waited for it is closed
            tell()
        return goes_on
