"""Where lines go: straight into files, by a thread into pipes; whole, in order, and never in the way of a request."""

import contextlib
import io
import os
import pty
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reference_app.sink import LINES_MAX, Sink, deliver, may_wait, pieces

HANG_S = 30.0


def lines(number: int) -> list[bytes]:
    """As many lines, each different."""
    return [b"%06d %s\n" % (index, b"x" * (index % 90)) for index in range(number)]


class Piped:
    """A sink into a pipe that nobody reads yet."""

    def __init__(self, *, blocks: bool = True) -> None:
        self.reads, writes = os.pipe()
        os.set_blocking(writes, blocks)
        self.lost = 0
        self.sink = Sink(lambda: io.FileIO(writes, "wb"), self._count)

    def _count(self, number: int) -> None:
        self.lost += number

    def read(self) -> bytes:
        """All that comes until the sink closes its end."""
        with os.fdopen(self.reads, "rb") as reader:
            return reader.read()


@pytest.mark.parametrize("blocks", [True, False])
def test_a_pipe_that_nobody_reads_takes_no_time_of_the_writer(blocks: bool) -> None:
    """Far more than the pipe holds is written at once; the reader that comes at last gets all of it in order."""
    piped = Piped(blocks=blocks)
    sent = lines(5000)
    for line in sent:
        assert piped.sink.write(line) == len(line)
    closing = threading.Thread(target=piped.sink.close, daemon=True)
    closing.start()
    assert piped.read() == b"".join(sent)
    closing.join(HANG_S)
    assert piped.lost == 0


def test_lines_over_the_limit_are_lost_and_counted() -> None:
    """The queue has an end: what comes then is dropped, line by line, and what was taken arrives whole."""
    piped = Piped()
    sent = lines(2 * LINES_MAX + 5000)
    for line in sent:
        piped.sink.write(line)
    closing = threading.Thread(target=piped.sink.close, daemon=True)
    closing.start()
    read = piped.read().splitlines(keepends=True)
    closing.join(HANG_S)
    assert piped.lost >= 3000
    assert len(read) + piped.lost == len(sent)
    assert set(read) <= set(sent)
    assert read == sorted(read)


def test_a_reader_that_is_gone_costs_the_lines_and_is_counted() -> None:
    """A broken pipe reaches no caller; each line that went nowhere is counted."""
    piped = Piped()
    os.close(piped.reads)
    for line in lines(10):
        piped.sink.write(line)
    piped.sink.close()
    assert piped.lost == 10


def test_the_end_does_not_wait_for_ever() -> None:
    """With a reader that is stuck `close` returns; what the reader takes afterwards is still whole."""
    piped = Piped()
    for line in lines(3000):
        piped.sink.write(line)
    closing = threading.Thread(target=piped.sink.close, daemon=True)
    closing.start()
    closing.join(HANG_S)
    assert not closing.is_alive()
    assert piped.read() == b"".join(lines(3000))


def test_a_file_has_its_line_when_the_write_returns(tmp_path: Path) -> None:
    """No line for a file waits in the process, so that one that is killed loses none; no thread is started."""
    path = tmp_path / "log"
    others = set(threading.enumerate())  # an earlier test's writer may be about to end
    sink = Sink(lambda: io.FileIO(path, "ab"), lambda _: None)
    with contextlib.closing(sink):
        for number, line in enumerate(lines(20), start=1):
            sink.write(line)
            assert path.read_bytes() == b"".join(lines(number))
        assert "log-writer" not in {thread.name for thread in set(threading.enumerate()) - others}


def test_only_what_can_make_its_writer_wait_gets_a_thread(tmp_path: Path) -> None:
    """Pipes, sockets and terminals do; files, the null device and memory do not."""
    near, far = socket.socketpair()
    descriptors = [*os.pipe(), *pty.openpty()]
    with ExitStack() as stack:
        opened = [stack.enter_context(io.FileIO(number, "r")) for number in descriptors]
        for one in (near, far):
            opened.append(stack.enter_context(one.makefile("rb", buffering=0)))
            one.close()
        plain = [
            stack.enter_context(io.FileIO(tmp_path / "log", "wb")),
            stack.enter_context(io.FileIO(os.devnull, "wb")),
            io.BytesIO(),
        ]
        assert [may_wait(stream) for stream in opened] == [True] * 6
        assert [may_wait(stream) for stream in plain] == [False] * 3


def test_a_piece_is_whole_lines_that_a_pipe_takes_at_once() -> None:
    """Lines are joined up to the pipe's unit; a longer line is a piece of its own, and none is left out."""
    long = b"y" * 5000 + b"\n"
    sent = [*lines(100), long, *lines(3)]
    found = list(pieces(sent))
    assert b"".join(found) == b"".join(sent)
    assert all(piece.endswith(b"\n") and (len(piece) <= 4096 or piece == long) for piece in found)
    assert len(found) <= 5


def test_what_was_begun_and_not_ended_counts_as_lost() -> None:
    """Of three lines of which the stream takes one and a half, two are lost."""

    class Half(io.RawIOBase):
        def __init__(self) -> None:
            self.takes: list[int] = [6]

        def write(self, data: Any) -> int:
            if not self.takes:
                raise BrokenPipeError
            return self.takes.pop()

    assert deliver(Half(), b"one\ntwo\nthree\n") == 2


def test_a_process_without_a_lifespan_loses_no_line_at_its_end() -> None:
    """The interpreter's end writes what waits, for a script that logs into a pipe and returns."""
    script = (
        "from reference_app.observability import Observability\n"
        "from reference_app.settings import Settings\n"
        "log = Observability(Settings()).logger('x')\n"
        "for number in range(1000): log.info('event', number=number)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=HANG_S, check=True)
    assert len(ended.stdout.splitlines()) == 1000
