"""Pipes in the place of the target's standard output, as the faults of the log plane need them."""

import fcntl
import io
import os
import select
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness.inside import Inside

PIECE_BYTES = 65_536
LEFT_S_MAX = 2.0
"""So long somebody who is still about to write is waited for, once the target's standard output is its own again."""


def pipe(flags: int = 0) -> tuple[io.FileIO, io.FileIO]:
    """A pipe: the end to read from, and the end to write to."""
    read, write = os.pipe2(os.O_CLOEXEC | flags)
    return io.FileIO(read, "r"), io.FileIO(write, "w")


def fill(writer: io.FileIO) -> None:
    """Fill a pipe, so that whoever writes to it next has to wait."""
    os.set_blocking(writer.fileno(), False)
    for piece in (bytes(PIECE_BYTES), b"\0"):
        while writer.write(piece):  # None once it is full
            pass
    os.set_blocking(writer.fileno(), True)


def held_up(reader: io.FileIO) -> int:
    """Empty a pipe to which nobody begins to write any more; the bytes of those that were waiting to."""
    left = struct.unpack("i", fcntl.ioctl(reader.fileno(), termios.FIONREAD, bytes(4)))[0]
    waited = 0
    while _ready(reader, wait_s=LEFT_S_MAX) and (piece := reader.read(PIECE_BYTES)):
        waited += max(0, len(piece) - left)
        left = max(0, left - len(piece))
    return waited


def _ready(*readers: io.FileIO, wait_s: float | None = None) -> set[int]:
    """The descriptors, of those given, that can be read or have ended; waits for one, at most so long."""
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if wait_s is None else wait_s * 1000)}


@contextmanager
def beside(work: Callable[[], None], *, ends: Callable[[], None]) -> Iterator[None]:
    """Let a thread work beside the block, and let it end with the block."""
    thread = threading.Thread(target=work, name="logs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends()
        thread.join(LEFT_S_MAX)


@contextmanager
def breaking(inside: Inside, broken: int, detail: str) -> Iterator[None]:
    """Let the standard output be broken, as soon as the target writes to it; the first that it writes is lost.

    Each write to `sys.stdout` that fails is a firing. Nobody can see that of one to the file descriptor itself: where the
    first that was written was such a one, that it shows that there is a writer is the firing.
    """
    reader, writer = pipe()
    woken, wake = pipe()
    above = threading.Event()

    def tells(do: Callable[[bytes], int], data: bytes) -> int:
        above.set()
        try:
            return do(data)
        except OSError as error:
            inside.fired(f"{len(data)} bytes refused: {error}")
            raise

    with reader, writer, woken, wake, ExitStack() as stack:

        def watch() -> None:
            if reader.fileno() in _ready(reader, woken):
                stack.enter_context(inside.output_to(broken))
                if not above.is_set():
                    inside.fired(detail)

        stack.enter_context(inside.around_output(tells))
        stack.enter_context(inside.output_to(writer.fileno()))
        with beside(watch, ends=wake.close):
            yield
