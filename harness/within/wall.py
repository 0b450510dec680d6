"""The wall clock of a target, as far as faults move it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from harness.within.stacked import Stacked


class WallShift:
    """By how much the wall clock reads more than it should: the sum of what is asked for now."""

    def __init__(self) -> None:
        self._offsets_s: Stacked[Callable[[], float]] = Stacked()

    def __call__(self) -> float:
        """Seconds, asked of every offset at every reading; negative for a clock that is behind."""
        return sum((offset_s() for offset_s in self._offsets_s.now), 0.0)

    def moved(self, offset_s: Callable[[], float]) -> AbstractContextManager[None]:
        """Let the clock read so many seconds more, until the block ends."""
        return self._offsets_s.holding(offset_s)
