"""A process that was asked to end is held to how it ended."""

import pytest

from harness.history import LogRecord, Outage

CLEAN = "process.exits_cleanly"
SHUTS_DOWN = "process.shuts_down"
SURVIVES = "process.survives"
BEGUN, FINISHED = "INFO:     Application startup complete.", "INFO:     Application shutdown complete."


def outage(how, exit_code):
    """An outage of a second."""
    return Outage(at_s=1.0, ended_s=2.0, fault="process.terminate", how=how, exit_code=exit_code)


@pytest.mark.parametrize("exit_code", [0, -15, None])
def test_a_clean_end_passes(made, findings, exit_code):
    """Exit code 0, the signal itself, and no exit code on record are no findings."""
    assert findings(CLEAN, made.history(made.turn(), outage("terminated", exit_code))) == []


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (1, "ended with exit code 1 after SIGTERM"),
        (3, "ended with exit code 3 after SIGTERM"),
        (-9, "did not end within its grace after SIGTERM, and was killed"),
        (-11, "ended with exit code -11 after SIGTERM"),
    ],
)
def test_a_process_that_has_to_be_killed_or_crashes_is_found(made, findings, exit_code, said):
    """An error's exit code, and the signal of a crash or of a SIGKILL after the grace, are found."""
    assert findings(CLEAN, made.history(outage("terminated", exit_code))) == [said]


def test_a_process_that_was_killed_owes_no_clean_end(made, findings):
    """Who is killed, or paused, was not asked to end."""
    assert findings(CLEAN, made.history(outage("killed", -9), outage("paused", None))) == []


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [(7, "with exit code 7"), (0, "with exit code 0"), (-11, "by SIGSEGV"), (-99, "by signal 99")],
)
def test_a_process_that_ended_by_itself_is_found(made, findings, exit_code, said):
    """However it ended, that nobody had ended it is a finding; who was killed, terminated or paused is none."""
    died = Outage(at_s=1.0, ended_s=1.0, fault="", how="died", exit_code=exit_code)
    assert findings(SURVIVES, made.history(made.turn(), died)) == [f"the process ended by itself, {said}"]
    others = [outage(how, exit_code) for how in ("killed", "terminated", "paused")]
    assert findings(SURVIVES, made.history(made.turn(), *others)) == []


def logged(*texts, source="stderr"):
    """Lines of one file."""
    return [LogRecord(source=source, line=number, text=text) for number, text in enumerate(texts, start=1)]


def test_a_process_that_shut_its_app_down_passes(made, findings):
    """Each process that was asked to end has its own line, and the last one, which ends with the run, owes none."""
    whole = logged(BEGUN, "GET /", FINISHED, "Started server process [2]", BEGUN)
    assert findings(SHUTS_DOWN, made.history(outage("terminated", 0), *whole)) == []


@pytest.mark.parametrize("exit_code", [0, -15])
def test_an_app_that_was_never_shut_down_is_found(made, findings, exit_code):
    """A clean exit without the shut-down line means that the lifespan did not end, whatever a later process says."""
    lines = logged(BEGUN, "GET /", BEGUN, FINISHED)
    (message,) = findings(SHUTS_DOWN, made.history(outage("terminated", exit_code), *lines))
    assert message == "ended after SIGTERM, and never logged 'Application shutdown complete.'"


@pytest.mark.parametrize("exit_code", [-9, 0])
def test_each_life_is_held_to_its_own_end(made, findings, exit_code):
    """A process that was killed owes no line, however it ended, and the one that was asked to end after it does."""
    killed = Outage(at_s=0.1, ended_s=0.2, fault="process.kill", how="killed", exit_code=exit_code)
    ended = [killed, outage("terminated", 0)]
    assert findings(SHUTS_DOWN, made.history(*ended, *logged(BEGUN, BEGUN, FINISHED, BEGUN))) == []
    assert len(findings(SHUTS_DOWN, made.history(*ended, *logged(BEGUN, FINISHED, BEGUN, BEGUN)))) == 1


def test_where_lives_cannot_be_told_apart_nothing_is_said(made, findings):
    """No start-up line, and more of them than processes, as with several workers, say nothing of any one."""
    asked = outage("terminated", 0)
    for lines in (logged("ready"), logged(BEGUN, BEGUN, BEGUN, BEGUN), logged(BEGUN)):
        assert findings(SHUTS_DOWN, made.history(asked, *lines)) == []
    assert findings(SHUTS_DOWN, made.history(outage("terminated", -9), *logged(BEGUN, BEGUN))) == []


def test_who_needs_the_log_for_it_says_so():
    """Where a fault silences the log, nothing is owed."""
    from harness.registry import INVARIANTS  # noqa: PLC0415  # kept from the import of every other test

    assert INVARIANTS.get(SHUTS_DOWN).witnesses == {"process", "logs"}
    assert INVARIANTS.get(CLEAN).witnesses == {"process"}


@pytest.mark.parametrize(("promised", "violated"), [(False, []), (True, [SHUTS_DOWN])])
def test_only_who_promises_its_last_lines_owes_them(made, promised, violated):
    """A log that is written by a thread of its own may lose its last lines with the process: without the promise that is no finding."""
    from dataclasses import replace  # noqa: PLC0415  # as above

    from harness.judge import judge  # noqa: PLC0415  # the same
    from harness.registry import INVARIANTS  # noqa: PLC0415  # the same

    history = made.history(made.turn(), outage("terminated", 0), *logged(BEGUN, BEGUN, FINISHED))
    contract = replace(history.header.contract, shutdown_logged=promised)
    asked = replace(history, header=replace(history.header, contract=contract))
    assert [one.invariant for one in judge(asked, [INVARIANTS.get(SHUTS_DOWN)]).violations] == violated
