"""The sink that the target's log goes to makes whoever writes to it wait: nobody reads it, or somebody does so slowly."""

import contextlib
import fcntl
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.contract import Contract
from harness.faults.logs_pipes import PIECE_BYTES, beside, fill, held_up, pipe
from harness.faults.loop_base import InsideFault
from harness.inside import Inside
from harness.registry import fault
from harness.window import check

STANDARD_OUTPUT = 1
ONE_PAGE = 4096
DELAY_MS = 50.0


@fault(
    "logs.full_pipe",
    stages=("live",),
    because="a simulated run prints into no pipe",
    needs=("inside", "output"),
)
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


@fault("logs.slow_sink", needs=("inside", "output"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSlowSink(InsideFault):
    """Who reads the standard output takes `delay_ms` for each write, and the next one waits (hermes-agent#58636).

    Where that is None, a live sweep takes twice the lag that the contract allows the loop, so that one which writes its log
    by itself cannot hide it, and anybody else 50 ms: in a simulated run nobody else can write it. All of it arrives where it would have, in its order. Each write that was delayed is a firing.
    """

    delay_ms: float | None = None

    def __post_init__(self) -> None:
        check("delay_ms", self._delay_ms, 0.001, 3_600_000)

    def fitted_to(self, contract: Contract, stage: str) -> "LogsSlowSink":
        """The fault for a live target under a contract: where nobody says how slow, twice the lag that it allows."""
        left = self.delay_ms is None and stage == "live"
        return replace(self, delay_ms=2 * contract.loop_lag_ms_max) if left else self

    @property
    def _delay_ms(self) -> float:
        return DELAY_MS if self.delay_ms is None else self.delay_ms

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Be slow; at the end what still waits passes without delay."""
        over = threading.Event()
        slow = self._descriptor(inside, over) if inside.output_has_file else self._stream(inside, over)
        with slow:
            yield

    @contextmanager
    def _descriptor(self, inside: Inside, over: threading.Event) -> Iterator[None]:
        """Be slow for whoever writes to the file descriptor."""
        # Each write is a packet of its own, and there is room for one.
        reader, writer = pipe(os.O_DIRECT)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, ONE_PAGE)
        real = io.FileIO(os.dup(STANDARD_OUTPUT), "w")
        with (
            beside(lambda: self._pass(inside, reader, real, over), ends=over.set),
            writer,
            inside.output_to(writer.fileno()),
        ):
            yield

    @contextmanager
    def _stream(self, inside: Inside, over: threading.Event) -> Iterator[None]:
        """Be slow for whoever writes to `sys.stdout`, one after the other."""
        matching, turn = inside.matching(self.window), threading.Lock()

        def late(do: Callable[[bytes], int], data: bytes) -> int:
            with turn:
                if not over.is_set() and matching.lets_through():
                    inside.fired(self._detail(data))
                    over.wait(self._delay_ms / 1000)
                return do(data)

        with inside.around_output(late):
            try:
                yield
            finally:
                over.set()

    def _pass(self, inside: Inside, reader: io.FileIO, real: io.FileIO, over: threading.Event) -> None:
        """Pass on what comes, until nobody is left who could write: another fault may, beyond the end of this one."""
        matching = inside.matching(self.window)
        with reader, real:
            while piece := reader.read(PIECE_BYTES):
                if not over.is_set() and matching.lets_through():
                    inside.fired(self._detail(piece))
                    over.wait(self._delay_ms / 1000)
                with contextlib.suppress(OSError):  # that sink may be broken too
                    real.write(piece)

    def _detail(self, data: bytes) -> str:
        return f"{len(data)} bytes taken {self._delay_ms:g} ms late"
