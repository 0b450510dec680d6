"""Deterministic simulation: a run under virtual time and a schedule that a seed decides, its threads included."""

from harness.simulation.endings import BudgetSpent, Deadlock, Ending, Escape, Waiting
from harness.simulation.hooks import installed
from harness.simulation.lanes import Hold
from harness.simulation.policies import Fifo, Gate, Pct, Policy, Replay, Uniform
from harness.simulation.run import Budget, Outcome, RunStopped, Simulation

__all__ = [
    "Budget",
    "BudgetSpent",
    "Deadlock",
    "Ending",
    "Escape",
    "Fifo",
    "Gate",
    "Hold",
    "Outcome",
    "Pct",
    "Policy",
    "Replay",
    "RunStopped",
    "Simulation",
    "Uniform",
    "Waiting",
    "installed",
]
