"""The generators of `harness.search.scenarios` as Hypothesis strategies: tests and the explorer draw alike."""

from hypothesis import strategies as st

from harness.scenario import Scenario
from harness.search.draw import Draw
from harness.search.scenarios import Surface, scenario, swarmed


class _Drawn(Draw):
    """Each draw is one of Hypothesis's, which shrinks it towards its simplest value."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, least: int, most: int) -> int:
        """As Hypothesis likes."""
        return self._draw(st.integers(least, most))


@st.composite
def scenarios(draw: st.DrawFn, surface: Surface) -> Scenario:
    """Scenarios for a target of this surface."""
    return scenario(_Drawn(draw), surface)


@st.composite
def variations(draw: st.DrawFn, base: Scenario, surface: Surface) -> Scenario:
    """Variations of a scenario for a target of this surface, as `swarmed` makes them."""
    return swarmed(_Drawn(draw), base, surface.capabilities)
