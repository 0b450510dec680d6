"""The universal invariants: pure functions of a frozen history. Importing this registers all of them."""

from harness.invariants import (
    access,
    degradation,
    liveness,
    logs,
    outcome,
    process,
    retries,
    sessions,
    streams,
)

__all__ = [
    "access",
    "degradation",
    "liveness",
    "logs",
    "outcome",
    "process",
    "retries",
    "sessions",
    "streams",
]
