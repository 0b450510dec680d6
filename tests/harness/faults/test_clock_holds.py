"""What a log says took how long is held to the run that it was a part of."""

import pytest

from harness.faults.clock_holds import durations_kept
from harness.history import LogRecord


def logged(**fields: object) -> LogRecord:
    """One line of the app."""
    return LogRecord(source="app", line=1, text="done", event="done", fields=fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_ms": -1},
        {"duration_ms": 3_600_000},
        {"elapsed_s": -0.5},
        {"took": -3.0},
        {"upstream_latency_seconds": 61.5},
        {"Elapsed_MS": -20.0},
        {"waited_us": 60e9},
    ],
)
def test_a_duration_that_cannot_be_is_found(made, fields):
    """Less than nothing, and more than the run, are found whatever the unit."""
    ((name, value),) = fields.items()
    (found,) = durations_kept(made.history(made.turn(), logged(**fields), elapsed_s=30.0))
    assert found.message == f"{name}={value}: the run took 30.0 s in all"


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_ms": 0},
        {"duration_ms": 29_000.0},
        {"elapsed": 29_000},
        {"timeout_ms": 3_600_000},
        {"retry_after_s": -1},
        {"offset_ms": -5},
        {"overtook": -1},
        {"took_ms": True},
        {"took_ms": "-5"},
    ],
)
def test_what_can_be_or_is_no_duration_passes(made, fields):
    """A duration within the run passes, one without a unit may be in any, and limits and differences are no durations."""
    assert list(durations_kept(made.history(made.turn(), logged(**fields), elapsed_s=30.0))) == []
