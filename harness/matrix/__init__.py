"""The matrix: defects against scenarios, what catches which, and how often the clean service is accused."""

from harness.matrix.plan import Cell, paired, pairs, stage_for
from harness.matrix.play import How, matrix, play_cells
from harness.matrix.result import DefectResult, MatrixResult, Played, judged

__all__ = [
    "Cell",
    "DefectResult",
    "How",
    "MatrixResult",
    "Played",
    "judged",
    "matrix",
    "paired",
    "pairs",
    "play_cells",
    "stage_for",
]
