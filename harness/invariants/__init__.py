"""The universal invariants: pure functions of a frozen history. Importing this registers all of them."""

from harness.invariants import degradation, liveness, logs, outcome, sessions

__all__ = ["degradation", "liveness", "logs", "outcome", "sessions"]
