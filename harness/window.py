"""When a fault is armed, and on which of what it could act on it acts."""

import math
import random
from dataclasses import dataclass

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a fault is armed, and on which calls it fires.

    Steps count from 0: armed before step `from_step`, healed after step `until_step` (the last one where None).
    Within that it is armed `at_s` seconds after its first step began, and healed `for_s` seconds later (where None,
    with its last step). Of the calls that match `level` (`conversation` or `structured`; any where None) it fires on the first
    `first_n` (all where None), on every `every_k`-th, and then with probability `p`.
    """

    from_step: int = 0
    until_step: int | None = None
    at_s: float = 0.0
    for_s: float | None = None
    level: str | None = None
    first_n: int | None = None
    every_k: int = 1
    p: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a window that can never open.

        Raises:
            UsageError: a knob is out of its range.
        """
        check("from_step", self.from_step, 0, math.inf)
        check(
            "until_step",
            self.from_step if self.until_step is None else self.until_step,
            self.from_step,
            math.inf,
        )
        check("at_s", self.at_s, 0, 86_400)
        check("for_s", 1 if self.for_s is None else self.for_s, 0.001, 86_400)
        check("first_n", 1 if self.first_n is None else self.first_n, 1, math.inf)
        check("every_k", self.every_k, 1, math.inf)
        check("p", self.p, 1e-9, 1.0)
        if self.level not in (None, "conversation", "structured"):
            raise UsageError(
                f"level={self.level!r}: a level is 'conversation', 'structured' or None for both"
            )


def check(knob: str, value: float, least: float, most: float) -> None:
    """Hold a knob to its closed range.

    Raises:
        UsageError: it is outside, or no number.
    """
    if not least <= value <= most:
        upper = "" if most == math.inf else f" and at most {most:g}"
        raise UsageError(f"{knob}={value}: must be at least {least:g}{upper}")


class Matching:
    """Counts what a fault could act on, and says on which of it the window lets it act."""

    def __init__(self, window: Window, stream: random.Random) -> None:
        self._window = window
        self._stream = stream
        self._matched = 0

    def lets_through(self, level: str | None = None) -> bool:
        """Whether to act on this one, which may be of a `level`; counts it, so ask once for each, under a lock."""
        window = self._window
        if window.level not in (None, level):
            return False
        self._matched += 1
        if window.first_n is not None and self._matched > window.first_n:
            return False
        if self._matched % window.every_k:
            return False
        return window.p >= 1.0 or self._stream.random() < window.p
