"""The sink that the target's log goes to is full, gone or slow: its standard output, by its file descriptor."""

import contextlib
import fcntl
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.logs_pipes import PIECE_BYTES, beside, breaking, fill, held_up, pipe
from harness.faults.loop_base import InsideFault
from harness.inside import Inside
from harness.registry import fault
from harness.window import check

STANDARD_OUTPUT = 1
ONE_PAGE = 4096


@fault("logs.full_pipe", stages=("live",), needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsFullPipe(InsideFault):
    """Nobody reads the standard output any more: a write waits until somebody does (hermes-agent#58636).

    It is a pipe of `pipe_bytes` (the kernel rounds up to pages), empty when the fault is armed; by default one that is
    full already. What it took is lost. That somebody had to wait is the firing, and is known when it ends.
    """

    silences: ClassVar[tuple[str, ...]] = ("logs",)

    pipe_bytes: int = 0

    def __post_init__(self) -> None:
        check("pipe_bytes", self.pipe_bytes, 0, 1_048_576)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Read nothing, and at the end let everybody go on."""
        reader, writer = pipe()
        with reader, writer:
            if self.pipe_bytes:
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, self.pipe_bytes)
            else:
                fill(writer)
            try:
                with inside.output_to(writer.fileno()):
                    yield
            finally:
                writer.close()
                if waited := held_up(reader):
                    inside.fired(f"{waited} bytes had to wait")


@fault("logs.closed_pipe", stages=("live",), needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsClosedPipe(InsideFault):
    """Who read the standard output has gone: EPIPE (agentfield#985, fluent-logger-python#178).

    It goes with the first thing that the target writes, which is the firing.
    """

    silences: ClassVar[tuple[str, ...]] = ("logs",)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Go away."""
        reader, writer = pipe()
        reader.close()
        with writer, breaking(inside, writer.fileno(), "the reader of the standard output went away"):
            yield


@fault("logs.disk_full", stages=("live",), needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDiskFull(InsideFault):
    """The standard output goes to a disk that is full: ENOSPC.

    It is full from the first thing on that the target writes, which is the firing.
    """

    silences: ClassVar[tuple[str, ...]] = ("logs",)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Have no space."""
        with (
            io.FileIO("/dev/full", "w") as full,
            breaking(inside, full.fileno(), "no space left for the standard output"),
        ):
            yield


@fault("logs.slow_sink", stages=("live",), needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSlowSink(InsideFault):
    """Who reads the standard output takes `delay_ms` for each write, and the next one waits (hermes-agent#58636).

    All of it arrives where it would have, in its order. Each write that was delayed is a firing.
    """

    delay_ms: float = 50.0

    def __post_init__(self) -> None:
        check("delay_ms", self.delay_ms, 0.001, 3_600_000)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Be slow; at the end what still waits passes without delay."""
        # Each write is a packet of its own, and there is room for one.
        reader, writer = pipe(os.O_DIRECT)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, ONE_PAGE)
        real, over = io.FileIO(os.dup(STANDARD_OUTPUT), "w"), threading.Event()
        with (
            beside(lambda: self._pass(inside, reader, real, over), ends=over.set),
            writer,
            inside.output_to(writer.fileno()),
        ):
            yield

    def _pass(self, inside: Inside, reader: io.FileIO, real: io.FileIO, over: threading.Event) -> None:
        """Pass on what comes, until nobody is left who could write: another fault may, beyond the end of this one."""
        matching = inside.matching(self.window)
        with reader, real:
            while piece := reader.read(PIECE_BYTES):
                if not over.is_set() and matching.lets_through():
                    inside.fired(f"{len(piece)} bytes taken {self.delay_ms:g} ms late")
                    over.wait(self.delay_ms / 1000)
                with contextlib.suppress(OSError):  # that sink may be broken too
                    real.write(piece)
