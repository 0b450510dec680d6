"""A thread that is parked on a lock until there is something to do: cheaper to wake than one that waits in `select`."""

import contextlib
import threading
from collections.abc import Callable


class ParkedThread:
    """A daemon thread, started at the first wake-up, that runs `work` each time that it is woken, until that says no.

    Once it has said no it is over for good: a twin of the thread, if there is one, looks and ends, too.
    """

    def __init__(self, name: str, work: Callable[[], bool]) -> None:
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def wake(self) -> bool:
        """Have it work once more; False where the interpreter, which is ending, starts no thread."""
        if self._thread is None:
            thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # "can't create new thread at interpreter shutdown"
                return False
            self._thread = thread
        try:  # noqa: SIM105  # the context manager takes as long as all the rest
            self._asleep.release()
        except RuntimeError:  # it is awake already, and looks for work before it sleeps
            pass
        return True

    def dismiss(self) -> None:
        """Let it look once more whether it is needed, if it was ever started."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self.wake()

    def _serve(self) -> None:
        goes_on = True
        while goes_on:
            self._asleep.acquire()
            goes_on = self._work()
        # Two that woke it for the first time at once have started two threads: the other one looks now, too.
        with contextlib.suppress(RuntimeError):
            self._asleep.release()
