"""The wall clock of the target's own process is wrong, that of nobody else; and no other clock is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.clock_holds import durations_kept
from harness.faults.loop_base import InsideFault
from harness.inside import Inside
from harness.registry import Invariant, fault
from harness.variants import chosen
from harness.window import check


@contextmanager
def _moved(inside: Inside, offset_s: Callable[[], float], detail: str) -> Iterator[None]:
    """Move the wall clock; that it was read while it was wrong is the firing."""
    read = False

    def noticed() -> float:
        nonlocal read
        if not read:
            read = True  # first, for whoever notes it may read the clock too
            inside.fired(detail)
        return offset_s()

    with inside.wall_moved(noticed):
        yield


@fault("clock.jump", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJump(InsideFault):
    """The wall clock jumps by `by_s` seconds, back where it is negative, and back to what it was at the end.

    Whatever waits must follow the monotonic clock. It fires when anything in the process reads the wall clock.
    `window` takes steps and seconds: a clock is wrong for everybody.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (durations_kept,)

    by_s: float = chosen(3600.0, -3600.0)

    def __post_init__(self) -> None:
        check("by_s", self.by_s, -1e9, 1e9)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Let it be wrong."""
        with _moved(inside, lambda: self.by_s, f"the wall clock jumped by {self.by_s:+g} s"):
            yield


@fault("clock.strobe", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStrobe(InsideFault):
    """The wall clock is `amplitude_s` seconds ahead and as many behind, in turn, each for half of `period_ms`.

    No duration may be negative, and nothing expire early. It fires when the wall clock is read.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (durations_kept,)

    amplitude_s: float = 60.0
    period_ms: float = 20.0

    def __post_init__(self) -> None:
        check("amplitude_s", self.amplitude_s, 0.001, 1e9)
        check("period_ms", self.period_ms, 0.001, 3_600_000)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Let it be wrong."""
        detail = f"the wall clock swings by {self.amplitude_s:g} s every {self.period_ms:g} ms"
        with _moved(inside, self._offset_s, detail):
            yield

    def _offset_s(self) -> float:
        """How far it is ahead now."""
        return (
            self.amplitude_s
            if time.monotonic() * 1000 % self.period_ms < self.period_ms / 2
            else -self.amplitude_s
        )
