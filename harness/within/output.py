"""Where the process's standard output goes, and what stands below `sys.stdout`, for as long as a fault wants it so."""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from harness.inside import OutputRule
from harness.within.stacked import Stacked

STANDARD_OUTPUT = 1


class Output:
    """The standard output of a process: the latest redirection that is still open rules; after the last, the original.

    It works on the file descriptor, so that it holds for whatever writes there: `print`, `logging`, a C library.
    """

    def __init__(self, descriptor: int = STANDARD_OUTPUT) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._aside: int | None = None
        self._open: Stacked[int] = Stacked()

    @contextmanager
    def to(self, descriptor: int) -> Iterator[None]:
        """Let it go to another descriptor, which stays the caller's, until the block ends."""
        # A copy: the caller may close its own, and a redirection below this one may come to rule again.
        copy = os.dup(descriptor)
        with ExitStack() as stack:
            stack.callback(os.close, copy)
            stack.callback(self._point)
            stack.enter_context(self._open.holding(copy))
            self._point()
            yield

    def _point(self) -> None:
        """Let the descriptor be what it has to be now."""
        with self._lock:
            if self._aside is None:
                _flush()
                self._aside = os.dup(self._descriptor)
            os.dup2((self._aside, *self._open.now)[-1], self._descriptor, inheritable=True)
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


class OutputGate(io.RawIOBase):
    """Stands below `sys.stdout` from `install` on, which is to be called before the app is imported.

    Every line of `print`, of a handler of `logging` or of structlog goes through the rules of now, the last one
    outermost, as soon as it is whole. A line is one write: `print` writes its end apart, and where that went out by
    itself, as under `python -u`, another thread's line could come between. Not seen is what is written to the file
    descriptor itself; where there is no file (`has_file`), as under a test runner's capture, nobody can get at one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_file = True
        self._rules: Stacked[OutputRule] = Stacked()

    def install(self, *, has_file: bool) -> None:
        """Take the place of what is below `sys.stdout`, for as long as this process lives."""
        _flush()
        self.has_file = has_file
        sys.stdout = io.TextIOWrapper(
            self, encoding=sys.stdout.encoding, errors=sys.stdout.errors, newline="\n", line_buffering=True
        )

    def around(self, rule: OutputRule) -> AbstractContextManager[None]:
        """Put a rule around every write, until the block ends."""
        return self._rules.holding(rule)

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def fileno(self) -> int:
        """The descriptor of the standard output.

        Raises:
            io.UnsupportedOperation: it has none here.
        """
        if not self.has_file:
            raise io.UnsupportedOperation("fileno")
        return STANDARD_OUTPUT

    def write(self, data: Any, /) -> int:
        """Write it all, through the rules."""
        do = _written
        for rule in self._rules.now:
            do = partial(rule, do)
        return do(bytes(data))


def _written(data: bytes) -> int:
    """Write all to the standard output, in as many pieces as it takes; how much that was."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(STANDARD_OUTPUT, rest) :]
    return len(data)


OUTPUT_GATE = OutputGate()
"""The one of this process."""
