"""The sink that the target's log goes to takes nothing any more: whoever writes gets an error."""

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import closed
from harness.faults.logs_holds import drops_counted
from harness.faults.logs_pipes import breaking, pipe
from harness.faults.loop_base import InsideFault
from harness.inside import Inside, OutputRule
from harness.registry import Invariant, fault
from harness.variants import chosen

FULL = "/dev/full"
NOTHING = "/dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSink(InsideFault):
    """A sink that refuses what is written to it: the file descriptor, or `sys.stdout` where there is no descriptor.

    A descriptor is broken from the first thing on that the target writes, which is lost. Each write to `sys.stdout` that
    was refused is a firing; where the target writes past that, nobody sees it, and the first thing is the firing. A fault that `raises` does so at `sys.stdout` in any case.
    """

    silences: ClassVar[tuple[str, ...]] = ("logs",)
    holds: ClassVar[tuple[Invariant, ...]] = (drops_counted,)
    raises: ClassVar[bool] = False

    def _error(self) -> Exception:
        """What a write raises."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def _descriptor(self) -> io.FileIO:
        """What refuses a write to the descriptor."""
        raise NotImplementedError  # the same

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Refuse."""
        with ExitStack() as stack:
            if inside.output_has_file:
                broken = stack.enter_context(self._descriptor())
                stack.enter_context(breaking(inside, broken.fileno(), f"broken: {self._error()}"))
            if self.raises or not inside.output_has_file:
                stack.enter_context(inside.around_output(self._rule(inside)))
            yield

    def _rule(self, inside: Inside) -> OutputRule:
        """Refuse the writes to `sys.stdout` that the window lets through."""
        matching, lock = inside.matching(self.window), threading.Lock()

        def refuse(do: Callable[[bytes], int], data: bytes) -> int:
            with lock:
                fires = matching.lets_through()
            if not fires:
                return do(data)
            error = self._error()
            inside.fired(f"{len(data)} bytes refused: {error}")
            raise error

        return refuse


@fault("logs.closed_pipe", needs=("inside", "output"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsClosedPipe(BrokenSink):
    """Who read the standard output has gone: EPIPE (agentfield#985, fluent-logger-python#178)."""

    def _error(self) -> Exception:
        return _system_error(errno.EPIPE)

    def _descriptor(self) -> io.FileIO:
        reader, writer = pipe()
        reader.close()
        return writer


@fault("logs.disk_full", needs=("inside", "output"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDiskFull(BrokenSink):
    """The standard output goes to a disk that is full: ENOSPC."""

    def _error(self) -> Exception:
        return _system_error(errno.ENOSPC)

    def _descriptor(self) -> io.FileIO:
        return io.FileIO(FULL, "w")


@fault("logs.sink_raises", needs=("inside", "output"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSinkRaises(BrokenSink):
    """What writes the log raises where it is called: a line that was not written is no reason for a turn to fail.

    `error` is `value` (ValueError, as `sys.stdout` raises it once it is closed), `os` (EIO) or `ENOSPC`. Who writes to
    the file descriptor itself gets EBADF, as of one that is closed, or ENOSPC.
    """

    raises: ClassVar[bool] = True

    error: str = chosen("value", "os", "ENOSPC")

    def __post_init__(self) -> None:
        closed(self, "error")

    def _error(self) -> Exception:
        if self.error == "value":
            return ValueError("I/O operation on closed file.")
        return _system_error(errno.EIO if self.error == "os" else errno.ENOSPC)

    def _descriptor(self) -> io.FileIO:
        # One that can only be read refuses to be written to.
        return io.FileIO(FULL, "w") if self.error == "ENOSPC" else io.FileIO(NOTHING, "r")


def _system_error(number: int) -> OSError:
    """The error of a system call, of the class that Python has for its number."""
    return OSError(number, os.strerror(number))
