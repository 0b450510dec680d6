"""Gates: success criteria as data, judged on what was counted, with exact bounds where a run only estimates."""

from harness.gates.criteria import success_criteria, watched_texts
from harness.gates.observations import LogTally, Observations, TurnSent
from harness.gates.result import Gate, GateResult, Unit, judge, overall
from harness.gates.statistics import requests_needed

__all__ = [
    "Gate",
    "GateResult",
    "LogTally",
    "Observations",
    "TurnSent",
    "Unit",
    "judge",
    "overall",
    "requests_needed",
    "success_criteria",
    "watched_texts",
]
