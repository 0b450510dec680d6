"""A process that was asked to end is held to how it ended."""

import pytest

from harness.history import Outage

CLEAN = "process.exits_cleanly"


def outage(how, exit_code):
    """An outage of a second."""
    return Outage(at_s=1.0, ended_s=2.0, fault="process.terminate", how=how, exit_code=exit_code)


@pytest.mark.parametrize("exit_code", [0, -15, None])
def test_a_clean_end_passes(made, findings, exit_code):
    """Exit code 0, the signal itself, and no exit code on record are no findings."""
    assert findings(CLEAN, made.history(made.turn(), outage("terminated", exit_code))) == []


@pytest.mark.parametrize("exit_code", [1, 3, -9, -11])
def test_a_process_that_has_to_be_killed_or_crashes_is_found(made, findings, exit_code):
    """An error's exit code, and the signal of a crash or of a SIGKILL after the grace, are found."""
    assert findings(CLEAN, made.history(outage("terminated", exit_code))) == [
        f"ended with exit code {exit_code} after SIGTERM"
    ]


def test_a_process_that_was_killed_owes_no_clean_end(made, findings):
    """Who is killed, or paused, was not asked to end."""
    assert findings(CLEAN, made.history(outage("killed", -9), outage("paused", None))) == []
