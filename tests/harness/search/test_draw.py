"""The one primitive of a draw, and what is derived from it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.search.draw import Chance, Draw


class Simplest(Draw):
    def integer(self, least: int, most: int) -> int:
        return least


@settings(deadline=None)
@given(st.integers(), st.integers(0, 50), st.integers(0, 50))
def test_a_number_is_within_its_bounds(seed, least, more):
    """Both bounds are included, and nothing beyond them is drawn."""
    assert least <= Chance(random.Random(seed)).integer(least, least + more) <= least + more


def test_the_same_stream_gives_the_same_draws():
    """A seed replays: nothing else decides."""
    one, other = (Chance(random.Random(7)) for _ in range(2))
    assert [one.integer(0, 9) for _ in range(50)] == [other.integer(0, 9) for _ in range(50)]


def test_the_simplest_draw_is_no_and_the_first():
    """A shrinker that lowers every number ends at False and at the first item."""
    simplest = Simplest()
    assert (simplest.chance(0.0), simplest.chance(0.999)) == (False, False)
    assert simplest.sample("abc") == "a"


def test_a_chance_is_as_likely_as_it_says():
    """0 is never, 1 always, and a third is a third of the thousand values that there are."""
    draw = Chance(random.Random(1))
    assert not any(draw.chance(0.0) for _ in range(1000))
    assert all(draw.chance(1.0) for _ in range(1000))

    class Each(Draw):
        def __init__(self, value: int) -> None:
            self._value = value

        def integer(self, least: int, most: int) -> int:
            assert (least, most) == (1, 1000)
            return self._value

    assert sum(Each(value).chance(1 / 3) for value in range(1, 1001)) == 333
