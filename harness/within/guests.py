"""The faults that were let into this process: each under a key, from its entry to its leave."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from harness.rig import Entering
from harness.within.inside import Parts, Within


class Guests:
    """Lets faults in and out."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._here: dict[str, AbstractContextManager[None]] = {}

    def enter(self, key: str, entering: Entering, *, seed: str, fired: Callable[[str], None]) -> None:
        """Let a fault break what it breaks; `fired` is told, from any thread, of each time that it did something."""
        context = entering.within(Within(self._parts, fired=fired, seed=seed))
        context.__enter__()
        self._here[key] = context

    def leave(self, key: str) -> None:
        """Let it mend what it broke."""
        self._here.pop(key).__exit__(None, None, None)
