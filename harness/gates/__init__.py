"""Gates: success criteria as data, judged on what was counted, with exact bounds where a run only estimates."""

from harness.gates.criteria import success_criteria
from harness.gates.criterion import Criterion
from harness.gates.grammar import parse
from harness.gates.result import GateResult, Unit, overall
from harness.gates.statistics import requests_needed

__all__ = [
    "Criterion",
    "GateResult",
    "Unit",
    "overall",
    "parse",
    "requests_needed",
    "success_criteria",
]
