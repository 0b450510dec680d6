"""The matrix: defects against scenarios, what catches which, and how often the clean service is accused."""

from harness.matrix.catalogue import catalogue
from harness.matrix.plan import Cell, Placed, distinct, paired, pairs, placed
from harness.matrix.play import How, matrix, play_cells
from harness.matrix.result import CellResult, DefectResult, MatrixResult, Played, judged

__all__ = [
    "Cell",
    "CellResult",
    "DefectResult",
    "How",
    "MatrixResult",
    "Placed",
    "Played",
    "catalogue",
    "distinct",
    "judged",
    "matrix",
    "paired",
    "pairs",
    "placed",
    "play_cells",
]
