"""The wall clock of a simulated run, as far as faults move it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WallShift:
    """By how much the wall clock reads more than it should: the sum of what is asked for now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offsets_s: dict[object, Callable[[], float]] = {}

    def __call__(self) -> float:
        """Seconds, asked of every offset at every reading; negative for a clock that is behind."""
        return sum((offset_s() for offset_s in self._offsets_s.values()), 0.0)

    @contextmanager
    def moved(self, offset_s: Callable[[], float]) -> Iterator[None]:
        """Let the clock read so many seconds more, until the block ends."""
        key = object()
        with self._lock:
            self._offsets_s = {**self._offsets_s, key: offset_s}
        try:
            yield
        finally:
            with self._lock:
                self._offsets_s = {held: other for held, other in self._offsets_s.items() if held is not key}
