"""The access lines of a server agree with the wire, and each way in which they can disagree is found."""

from dataclasses import replace

import pytest

from harness.history import LogRecord, Outage, Snapshot

ACCESS = "logs.access_agrees_with_wire"


def line(method="POST", path="/turn", status=200):
    """An access line."""
    fields = {"method": method, "path": path, "status_code": status}
    return LogRecord(source="access", line=1, text=f"{method} {path} {status}", fields=fields)


def judged(made, findings, *records):
    """What is found for a service whose log says no more."""
    return findings(ACCESS, made.history(*records, contract=replace(made.silent, completion_event=None)))


def test_lines_that_agree_pass(made, findings):
    """Each answer has its line, whatever the order."""
    history = made.turn(1), made.turn(2, status=503), line(status=503), line()
    assert judged(made, findings, *history) == []


def test_a_log_without_access_lines_is_not_judged(made, findings):
    """A server that writes none, and one whose completion records say more, are not held to them."""
    other = LogRecord(source="app", line=1, text="started")
    assert judged(made, findings, made.turn(), other) == []
    assert findings(ACCESS, made.history(made.turn(), line(status=500))) == []


def test_an_answer_without_a_line_is_found(made, findings):
    """Two answers and one line: one is missing."""
    assert judged(made, findings, made.turn(1), made.turn(2), line()) == [
        "2 answers 200 to POST /turn, 1 access lines say so"
    ]
    health = line("GET", "/health")
    assert len(judged(made, findings, made.turn(1), health)) == 1


def test_a_line_with_another_status_is_found(made, findings):
    """A line that says 500 where 200 was answered is found from both sides."""
    assert judged(made, findings, made.turn(), line(status=500)) == [
        "1 answers 200 to POST /turn, 0 access lines say so",
        "an access line says 500 to POST /turn, the wire saw no such answer",
    ]


def test_a_line_too_many_is_found(made, findings):
    """A line of a turn that nobody sent is found, and one of a path that nobody asked for."""
    assert len(judged(made, findings, made.turn(), line(), line())) == 1
    assert judged(made, findings, made.turn(), line(), line("DELETE", "/all")) == [
        "an access line says 200 to DELETE /all, the wire saw no such answer"
    ]


@pytest.mark.parametrize(
    "changes", [{"status": None, "body": None, "error": "ReadTimeout"}, {"error": "ReadError"}]
)
def test_a_request_without_a_whole_answer_may_have_any_line_or_none(made, findings, changes):
    """Nobody knows what the service meant to answer; one line may be its own, a second is not."""
    turn = made.turn(2, **changes)
    whole = made.turn(1), line()
    assert judged(made, findings, *whole, turn) == []
    for status in (200, 500):
        assert judged(made, findings, *whole, turn, line(status=status)) == []
        assert len(judged(made, findings, *whole, turn, line(status=status), line(status=500))) == 1


def test_a_path_that_is_never_logged_is_left_out(made, findings):
    """A server may be told to say nothing of its health; where it says it once, it says it always."""
    health = [made.turn(number, path="/health", method="GET") for number in (2, 3)]
    turn = made.turn(1), line()
    assert judged(made, findings, *turn, *health) == []
    assert len(judged(made, findings, *turn, *health, line("GET", "/health"))) == 1


def test_what_the_harness_reads_by_itself_may_have_lines(made, findings):
    """Polls of the health and snapshots have lines without an exchange; a snapshot explains no other status than its own."""
    turn = made.turn(1), line()
    read = Snapshot(at_s=9.0, name="session:a", status=200)
    assert judged(made, findings, *turn, line("GET", "/health", 503)) == []
    assert judged(made, findings, *turn, read, line("GET", "/sessions/s-a")) == []
    assert len(judged(made, findings, *turn, read, line("GET", "/sessions/s-a", 500))) == 1
    assert len(judged(made, findings, *turn, line("GET", "/sessions/s-a"))) == 1


def test_a_path_is_compared_as_it_was_meant(made, findings):
    """A server that quotes a path, or does not, is understood."""
    asked = made.turn(2, path="/a b?c=%7B", method="GET")
    assert judged(made, findings, made.turn(1), line(), asked, line("GET", "/a%20b?c={")) == []


def test_a_line_may_be_lost_with_a_process_that_is_killed(made, findings):
    """An answer just before a SIGKILL, or in it, may have no line; after SIGTERM it has one."""
    turns = made.turn(1), made.turn(2), line()
    for how, at_s, found in (("killed", 2.15, 0), ("killed", 2.3, 1), ("terminated", 2.15, 1)):
        outage = Outage(at_s=at_s, ended_s=4.0, fault="process", how=how)
        assert len(judged(made, findings, *turns, outage)) == found
    impatient = Outage(at_s=2.15, ended_s=4.0, fault="process", how="terminated", exit_code=-9)
    assert judged(made, findings, *turns, impatient) == []


def test_a_request_beside_may_have_a_line_or_none(made, findings):
    """A request beside the turns may be refused before the log is told of it; one that was given up, with any status."""
    beside = made.turn(2, role="beside", status=400, expected=(400,))
    given_up = made.turn(3, role="beside", status=None, body=None, error="left", left=True)
    turn = made.turn(1), line()
    assert judged(made, findings, *turn, beside) == []
    assert judged(made, findings, *turn, beside, line(status=400)) == []
    assert judged(made, findings, *turn, given_up, line(status=408)) == []
    assert len(judged(made, findings, *turn, line(status=408))) == 1
