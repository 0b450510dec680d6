"""Where a generator takes its chances from: one primitive, so that whoever supplies it decides what chance means."""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
_PARTS = 1000


class Draw(Protocol):
    """A source of draws; each one's simplest value comes first, so that a shrinker knows where to go."""

    def integer(self, least: int, most: int) -> int:
        """A number from `least`, the simplest, to `most`, both included."""

    def chance(self, p: float) -> bool:
        """True with probability `p`, held to thousandths; False is simpler."""
        return self.integer(1, _PARTS) > _PARTS - round(p * _PARTS)

    def sample(self, items: Sequence[T]) -> T:
        """One of the items, of which there is at least one; the first is the simplest."""
        return items[self.integer(0, len(items) - 1)]


class Chance(Draw):
    """Draws from a stream of pseudo-random numbers: the same stream, the same draws."""

    def __init__(self, stream: random.Random) -> None:
        self._stream = stream

    def integer(self, least: int, most: int) -> int:
        """Each number is as likely as any other."""
        return self._stream.randint(least, most)
