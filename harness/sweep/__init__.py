"""The sweep: every fault that a target can be put under, on drills that fit any service."""

from harness.sweep.plan import (
    JOBS_MAX,
    Plan,
    Trial,
    armed,
    check_settled,
    jobs_max,
    labelled,
    lasts_s,
    planned,
    settled,
)
from harness.sweep.play import Effort, Sweep, Swept, sweep

__all__ = [
    "JOBS_MAX",
    "Effort",
    "Plan",
    "Sweep",
    "Swept",
    "Trial",
    "armed",
    "check_settled",
    "jobs_max",
    "labelled",
    "lasts_s",
    "planned",
    "settled",
    "sweep",
]
