"""Where the process's standard output goes, for as long as a fault would have it elsewhere."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_OUTPUT = 1


class Output:
    """The standard output of a process: the latest redirection that is still open rules; after the last, the original.

    It works on the file descriptor, so that it holds for whatever writes there: `print`, `logging`, a C library.
    """

    def __init__(self, descriptor: int = STANDARD_OUTPUT) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._aside: int | None = None
        self._open: dict[object, int] = {}

    @contextmanager
    def to(self, descriptor: int) -> Iterator[None]:
        """Let it go to another descriptor, which stays the caller's, until the block ends."""
        key = object()
        # A copy: the caller may close its own, and a redirection below this one may come to rule again.
        copy = os.dup(descriptor)
        with self._lock:
            if self._aside is None:
                _flush()
                self._aside = os.dup(self._descriptor)
            self._open[key] = copy
            self._point()
        try:
            yield
        finally:
            with self._lock:
                del self._open[key]
                self._point()
            os.close(copy)

    def _point(self) -> None:
        """Let the descriptor be what it has to be now."""
        assert self._aside is not None
        os.dup2([self._aside, *self._open.values()][-1], self._descriptor, inheritable=True)
        if not self._open:
            os.close(self._aside)
            self._aside = None


def _flush() -> None:
    """Let what was printed go where it was meant to go.

    Only where the output is the original: another one may take nothing any more, and who flushes would wait for ever.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()


OUTPUT = Output()
output_to = OUTPUT.to
"""Let the process's standard output go to another file descriptor: `with output_to(descriptor)`."""
