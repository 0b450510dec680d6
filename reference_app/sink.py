"""Where log lines go: straight into a file, and through a thread into whatever can make its writer wait.

A write to a file is done when `write` returns, so a process that is killed has lost no line. A pipe, a socket or a
terminal stops its writer when nobody reads; there the lines pass a bounded queue, and the request never waits.
"""

import atexit
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import BinaryIO

LINES_MAX = 10_000
"""Lines that wait for a slow reader, at most; a line that comes then is lost, and counted."""

FLUSH_S = 1.0
"""How long the end of the log waits for a slow reader; the lines that still wait then are lost."""


class Sink:
    """Takes whole lines, in order. A line that cannot be written is lost, and `lost` is told how many were.

    The stream is opened by the first line, so that building an app touches nothing.
    """

    def __init__(self, opened: Callable[[], BinaryIO], lost: Callable[[int], None]) -> None:
        self._opened = opened
        self._lost = lost
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._writer: _Writer | None = None

    def write(self, line: bytes) -> int:
        """Write a whole line, which ends in a newline and holds no other; the bytes of it."""
        with self._lock:
            if self._writer is None and self._stream is None:
                self._open()
            if self._writer is not None:
                self._writer.put(line)
            elif self._stream is None or deliver(self._stream, line):
                self._lost(1)
        return len(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Write what waits, at most for `FLUSH_S`, and let go of the stream; the next line opens it again."""
        with self._lock:
            stream, self._stream = self._stream, None
            writer, self._writer = self._writer, None
        if writer is not None:
            atexit.unregister(self.close)
            writer.end()
        # The process's own output stays open.
        if stream is not None and stream is not getattr(sys.stdout, "buffer", None):
            stream.close()

    def _open(self) -> None:
        try:
            stream = self._opened()
        except (OSError, ValueError):
            return
        if may_wait(stream):
            self._writer = _Writer(stream, self._lost)
            # For a process that ends without a lifespan's end.
            atexit.register(self.close)
        else:
            self._stream = stream


class _Writer:
    """A thread that writes to a stream that may make it wait; it closes the stream at its end.

    It writes what is there in as few writes as are whole: a pipe takes up to `PIPE_BUF` bytes in one piece, and more
    could be cut in two by another process that writes to the same pipe.
    """

    def __init__(self, stream: BinaryIO, lost: Callable[[int], None]) -> None:
        self._stream = stream
        self._lost = lost
        # Its `put` is one call in C, and wakes the thread only where it sleeps.
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._drain, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Have a line written."""
        if self._lines.qsize() < LINES_MAX:
            self._lines.put(line)
        else:
            self._lost(1)

    def end(self) -> None:
        """Have the rest written, and wait for it, though not for ever; no line follows."""
        self._lines.put(b"")
        self._thread.join(FLUSH_S)

    def _drain(self) -> None:
        last = b"\n"
        with self._stream:
            while last:
                batch = [self._lines.get()]
                batch += [self._lines.get() for _ in range(self._lines.qsize())]
                last = batch[-1]
                for piece in pieces(batch):
                    if left := deliver(self._stream, piece, patient=True):
                        self._lost(left)


def pieces(lines: list[bytes]) -> Iterator[bytes]:
    """The lines, joined up to what a pipe takes in one piece."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        size += len(line)
        if piece and size > select.PIPE_BUF:
            yield b"".join(piece)
            piece, size = [], len(line)
        piece.append(line)
    yield b"".join(piece)


def deliver(stream: BinaryIO, data: bytes, *, patient: bool = False) -> int:
    """Write it all; the number of lines that were not, or not to their end.

    A raw stream may take a part, and one that does not block may take nothing: who is `patient` waits for it.
    """
    try:
        while data:
            written = stream.write(data)
            if written:
                data = data[written:]
            elif patient:
                select.select((), (stream,), ())
            else:
                break
    except (OSError, ValueError):
        # What is left in `data` is lost, and the caller counts it.
        pass
    return data.count(b"\n")


def may_wait(stream: BinaryIO) -> bool:
    """True where a write may wait for a reader: a pipe, a socket, a terminal."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        # Memory, as under a test runner's capture.
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
