"""Gates that the service's log testifies to."""

from dataclasses import replace

from harness.gates.cells import Cell, Cells
from harness.gates.grammar import parse
from harness.gates.result import GateResult
from harness.gates.service_log import LogCell
from harness.gates.verdicts import Seen, Watch
from harness.verdict import Verdict

KEY = ("conversations", "POST /turn", "load")


def cell(**values: object) -> LogCell:
    """A log of ten lines that speaks."""
    made = LogCell(lines=10)
    made.events["done"] = 10
    for name, value in values.items():
        if isinstance(value, int):
            setattr(made, name, value)
        else:
            getattr(made, name).update(value)
    return made


def seen(log: LogCell | None, *, requests: int = 10, before: Seen | None = None) -> Seen:
    """What a run of so many good requests has seen."""
    sent = Cell(requests=requests)
    sent.statuses[200] = requests
    logs = None if log is None else {"load": log}
    return Seen(
        cells=Cells(by_key={KEY: sent}), lasted_s={"load": 1.0}, log=logs, promised="done", before=before
    )


def judged(gate: str, what: Seen) -> GateResult:
    """The result of one gate."""
    (result,) = Watch(criteria=[parse(gate)], watched=False).look(what)
    return result


def test_what_may_not_be_in_the_log_fails_with_its_first_line() -> None:
    """An event, a text, a status, and what was compared: each passes at none and fails at one."""
    for gate, log in (
        ('log("skipped") == 0', cell(events={"skipped": 1}, examples={"skipped": "a line"})),
        (
            'log_text("never awaited") == 0',
            cell(texts={"never awaited": 1}, examples={"never awaited": "a line"}),
        ),
        ("log_status(500) == 0", cell(statuses={500: 1}, examples={"status_code=500": "a line"})),
        ("misreported == 0", cell(misreported=1, examples={"misreported": "a line"})),
        ("unclassified == 0", cell(unclassified=1, examples={"unclassified": "a line"})),
    ):
        failed = judged(gate, seen(log))
        assert (failed.verdict, failed.observed) == (Verdict.FAILED, 1)
        assert "a line" in failed.message
        assert judged(gate, seen(cell())).verdict is Verdict.PASSED


def test_a_log_that_is_mute_or_missing_is_no_witness() -> None:
    """Nothing is wrong in an empty log, in one without what its service promises, and in none: that is no pass."""
    foreign = LogCell(lines=3)
    for log, why in (
        (LogCell(), "the log is empty"),
        (foreign, "the log has no done in 3 lines"),
        (None, "no log"),
    ):
        result = judged("misreported == 0", seen(log))
        assert result.verdict is Verdict.INVALID
        assert why in result.message


def test_a_mute_log_that_shows_something_wrong_fails_all_the_same() -> None:
    """What is there is there."""
    log = LogCell(lines=1)
    log.events["skipped"] = 1
    assert judged('log("skipped") == 0', seen(log)).verdict is Verdict.FAILED


def test_a_log_that_falls_silent_cannot_testify() -> None:
    """Nine of ten answered requests have to be told of; while a run goes on its log may be behind, and what it has shown stands."""
    told = {"done": 80}
    silent, spoken = seen(cell(events=told), requests=101), seen(cell(events=told), requests=100)
    assert judged('log("skipped") == 0', silent).verdict is Verdict.INVALID
    assert judged('log("skipped") == 0', spoken).verdict is Verdict.PASSED
    assert judged('log("skipped") == 0', replace(silent, ended=False)).verdict is Verdict.UNDECIDED
    wrong = seen(cell(events={"skipped": 1, **told}), requests=1_000)
    assert judged('log("skipped") == 0', wrong).verdict is Verdict.FAILED


def test_a_silent_log_says_only_what_more_of_it_would_not_change() -> None:
    """A few of what may be few is no pass, since there may be more; too many have been seen, and enough have been."""
    silent = seen(cell(events={"retry": 3}, misreported=3), requests=1_000)
    for gate, verdict in (
        ('log("retry") < 10', Verdict.INVALID),
        ("misreported < 10", Verdict.INVALID),
        ('log("retry") == 3', Verdict.INVALID),
        ('log("retry") < 3', Verdict.FAILED),
        ('log("retry") <= 2', Verdict.FAILED),
        ("misreported == 0", Verdict.FAILED),
        ('log("retry") > 2', Verdict.PASSED),
        ('log("retry") > 3', Verdict.INVALID),
    ):
        assert judged(gate, silent).verdict is verdict, gate
    result = judged('log("retry") < 10', silent)
    assert (result.observed, "the log has 10 done of 1,000" in result.message) == (3, True)


def test_a_log_that_promises_nothing_has_a_line_a_request() -> None:
    """A banner and then nothing is silence, too: of what such a log lacks it is no witness."""
    banner, spoken = (replace(seen(LogCell(lines=lines), requests=101), promised=None) for lines in (1, 91))
    result = judged("log_status(500) == 0", banner)
    assert (result.verdict, "1 lines of 101 answered requests" in result.message) == (Verdict.INVALID, True)
    assert judged("log_status(500) == 0", spoken).verdict is Verdict.PASSED
    assert judged("log_status(500) == 0", replace(banner, ended=False)).verdict is Verdict.UNDECIDED


def test_the_slowest_is_the_slowest_of_all_answers() -> None:
    """One that failed, too, after the time that it took; one without any answer took for ever."""
    sent = Cell(requests=10, failed=1, failed_most_us=700_000)
    sent.statuses.update({200: 9, 500: 1})
    what = Seen(cells=Cells(by_key={KEY: sent}), lasted_s={"load": 1.0})
    assert judged("max < 800ms", what).verdict is Verdict.PASSED
    assert judged("max < 600ms", what).verdict is Verdict.FAILED
    sent.statuses[0] = 1
    assert judged("max < 800ms", what).verdict is Verdict.FAILED


def test_a_service_that_cannot_keep_up_is_no_faster_than_it_answers() -> None:
    """80 requests that were due in 4 seconds and answered in 8 are 10 a second; a few that were due are by the time of all."""
    sent = Cell(requests=80, first_us=0, last_us=8_000_000)
    sent.statuses[200] = 80
    for lasted_s, observed in ((4.0, 10.0), (16.0, 5.0)):
        what = Seen(cells=Cells(by_key={KEY: sent}), lasted_s={"load": lasted_s})
        assert judged("rps > 1", what).observed == observed


def test_an_event_increases_against_the_baseline() -> None:
    """More by request passes, fewer fails, and what chance may have done is undecided; without a baseline it is invalid."""
    gate = 'log("classified") increases'
    for now, before, verdict in ((90, 50, "passed"), (50, 90, "failed"), (52, 50, "undecided")):
        old = seen(cell(events={"classified": before, "done": 90}), requests=100)
        result = judged(gate, seen(cell(events={"classified": now, "done": 90}), requests=100, before=old))
        assert str(result.verdict) == verdict
    assert judged(gate, seen(cell())).verdict is Verdict.INVALID
    for now, before in ((LogCell(), cell()), (cell(), LogCell())):
        assert judged(gate, seen(now, before=seen(before))).verdict is Verdict.INVALID
