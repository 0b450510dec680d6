"""Figures of several rounds as lines, and whether each keeps its floor."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, once a round, and the least, or the most, that its median may be."""

    name: str
    values: tuple[float, ...]
    least: float | None = None
    most: float | None = None
    digits: int = 0

    @property
    def kept(self) -> bool:
        """Whether the median keeps the floor; without a value it does not, and without a floor it does."""
        if not self.values:
            return self.least is None and self.most is None
        median = statistics.median(self.values)
        return (self.least is None or median >= self.least) and (self.most is None or median <= self.most)

    def line(self) -> str:
        """Its median, its spread, its floor."""
        if not self.values:
            return f"{self.name:44} {'no figure':>10}{self._floor()}"
        low, high = min(self.values), max(self.values)
        spread = f"{low:.{self.digits}f}..{high:.{self.digits}f}"
        return (
            f"{self.name:44} {statistics.median(self.values):10.{self.digits}f} {spread:>18}{self._floor()}"
        )

    def _floor(self) -> str:
        if self.least is None and self.most is None:
            return ""
        told = f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"
        return f"  {told}: {'kept' if self.kept else 'MISSED'}"


HEADING = f"{'':44} {'median':>10} {'spread of rounds':>18}"
