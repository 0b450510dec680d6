"""Each invariant on logs passes a healthy history and fails each way in which it can be broken."""

from dataclasses import replace

import pytest

from harness.history import LogRecord, Outage, Snapshot

AGREE = "logs.agree_with_wire"
METRICS = "logs.metrics_agree_with_wire"
FORBIDDEN = "logs.nothing_forbidden"
FORBIDDEN_TEXT = "logs.no_forbidden_text"
CARRIED = "logs.request_id_carried"


def test_a_record_that_agrees_passes(made, findings):
    """One completion record with the status that was sent is no finding."""
    turn, failed = made.turn(1), made.turn(2, status=503)
    records = made.completion(turn), made.completion(failed)
    assert findings(AGREE, made.history(turn, failed, *records)) == []


def test_success_on_a_500_is_found(made, findings):
    """The lie that started it all: `status_code=500 success=true`."""
    turn = made.turn(status=500)
    (message,) = findings(AGREE, made.history(turn, made.completion(turn, fields={"success": True})))
    assert message.startswith("logged success=True with status 500")


def test_a_status_that_was_not_sent_is_found(made, findings):
    """A record that says 200 where 500 was sent is found."""
    turn = made.turn(status=500)
    record = made.completion(turn, fields={"status_code": 200, "success": True})
    (message,) = findings(AGREE, made.history(turn, record))
    assert message.startswith("logged status 200, 500 on the wire")


def test_a_missing_and_a_double_record_are_found(made, findings):
    """No completion record, or two, are found."""
    turn = made.turn()
    assert findings(AGREE, made.history(turn)) == ["0 completion records (log lines []), 1 expected"]
    twice = made.history(turn, made.completion(turn), made.completion(turn))
    assert findings(AGREE, twice) == ["2 completion records (log lines [1, 1]), 1 expected"]


@pytest.mark.parametrize("name", ["status_code", "status", "http_status"])
def test_a_status_goes_by_the_names_that_services_give_it(made, findings, name):
    """The truth under any of them is none, and a lie is found."""
    turn = made.turn()
    for status, found in ((200, 0), (503, 1)):
        record = made.completion(turn, fields={name: status, "success": status == 200})
        assert len(findings(AGREE, made.history(turn, record))) == found


def test_a_success_that_is_not_said_is_no_lie(made, findings):
    """A service that logs no success claims none: the status is held to the wire all the same."""
    turn = made.turn()
    for status, found in ((200, 0), (503, 1)):
        record = made.completion(turn, fields={"status_code": status, "success": None})
        assert len(findings(AGREE, made.history(turn, record))) == found


def test_a_client_that_left_is_logged_as_499(made, findings):
    """Where the client left in a provider call, 499 and incomplete is the truth; 200, and 499 as complete, are lies."""
    turn = made.turn(status=None, body=None, left=True)
    call = made.call(turn, ended_s=turn.ended_s + 0.01, outcome="aborted")
    truth = made.completion(turn, fields={"status_code": 499, "success": False, "complete": False})
    lie = made.completion(turn, fields={"status_code": 200, "success": True})
    whole = made.completion(turn, fields={"status_code": 499, "success": False, "complete": True})
    assert findings(AGREE, made.history(turn, call, truth)) == []
    assert len(findings(AGREE, made.history(turn, call, lie))) == 1
    (message,) = findings(AGREE, made.history(turn, call, whole))
    assert message.startswith("logged as complete with status 499")


def test_a_call_that_ends_as_its_client_leaves_was_in_flight(made, findings):
    """In virtual time a call is aborted at the very time at which its client leaves: 200 in the record is a lie then."""
    turn = made.turn(status=None, body=None, left=True)
    lie = made.completion(turn, fields={"status_code": 200, "success": True})
    aborted = made.call(turn, ended_s=turn.ended_s, outcome="aborted")
    answered = made.call(turn, ended_s=turn.ended_s)
    (message,) = findings(AGREE, made.history(turn, aborted, lie))
    assert message.startswith("logged status 200, 499 on the wire")
    assert len(findings(METRICS, made.history(turn, aborted, counted(s200=1)))) == 1
    assert findings(AGREE, made.history(turn, answered, lie)) == []


def test_on_a_wire_an_answer_to_the_call_may_cross_the_client_that_leaves(made, findings):
    """What is answered a moment after the client left is no proof that the service knew; what comes much later is.

    So is what it aborted, and anything in virtual time.
    """
    turn = made.turn(status=None, body=None, left=True)
    lie = made.completion(turn, fields={"status_code": 200, "success": True})
    for stage, after_s, outcome, found in (
        ("live", 0.009, "answered", 0),
        ("live", 0.014, "answered", 0),
        ("live", 0.016, "answered", 1),
        ("live", 0.001, "aborted", 1),
        ("simulated", 0.001, "answered", 1),
    ):
        call = made.call(turn, ended_s=turn.ended_s + after_s, outcome=outcome)
        history = made.history(turn, call, lie, stage=stage, harness_lag_ms_max=5.0)
        assert len(findings(AGREE, history)) == found, (stage, after_s)


def test_a_client_that_left_when_all_was_done_may_be_logged_as_answered(made, findings):
    """With no call in flight any more the answer may have been on its way; then 200 is no lie, and may be counted."""
    turn = made.turn(status=None, body=None, left=True)
    call = made.call(turn)
    done = made.completion(turn, fields={"status_code": 200, "success": True})
    assert findings(AGREE, made.history(turn, call, done)) == []
    assert findings(METRICS, made.history(turn, call, counted(s200=1))) == []
    in_flight = made.call(turn, ended_s=turn.ended_s + 0.05)
    assert len(findings(METRICS, made.history(turn, in_flight, counted(s200=1)))) == 1


def test_the_counter_is_held_to_the_wire(made, findings):
    """The response counter must hold each status as often as it was sent, over every life of the process."""

    def counted(status: int, value: float) -> Snapshot:
        text = f'# HELP x\nresponses_total{{route="/turn",status="{status}",outcome="ok"}} {value}\n'
        return Snapshot(at_s=9.0, name="metrics", status=200, data=text)

    turns = made.turn(1), made.turn(2)
    assert findings(METRICS, made.history(*turns, counted(200, 1.0), counted(200, 1.0))) == []
    (message,) = findings(METRICS, made.history(*turns, counted(200, 1.0), counted(500, 1.0)))
    assert "'500': 1" in message


def test_forbidden_events_and_texts_are_found(made, findings):
    """A record that the contract forbids is found by its event, a warning on standard error by its text."""
    event = LogRecord(source="app", line=3, text="skipped", event="skipped")
    text = LogRecord(source="stderr", line=4, text="RuntimeWarning: coroutine 'x' was never awaited")
    assert findings(FORBIDDEN, made.history(made.completion(made.turn()))) == []
    assert findings(FORBIDDEN_TEXT, made.history(made.completion(made.turn()))) == []
    assert findings(FORBIDDEN, made.history(event, text)) == ["skipped must not occur"]
    assert findings(FORBIDDEN_TEXT, made.history(event, text)) == ["the log says 'was never awaited'"]


def test_a_record_that_lost_its_request_id_is_found(made, findings):
    """An event that other requests log with their id is found where the id is missing or strange; start-up lines are not."""
    turn = made.turn()
    started = LogRecord(source="app", line=1, text="started", event="started")
    read = Snapshot(at_s=9.0, name="metrics", status=200, request_id="r-snapshot")
    of_snapshot = made.completion(turn, request_id="r-snapshot")
    assert findings(CARRIED, made.history(turn, started, made.completion(turn), read, of_snapshot)) == []
    for wrong in (None, "somebody-elses"):
        lost = made.completion(turn, request_id=wrong)
        (message,) = findings(CARRIED, made.history(turn, made.completion(turn), lost))
        assert message == f"done under the request id {wrong}, which was not sent"


def test_a_client_that_left_may_have_left_no_trace(made, findings):
    """Who leaves at once, or just before a SIGKILL, owes no record and no count; more 499 than clients left are found."""
    gone = made.turn(status=None, body=None, left=True)

    def counted(value: float) -> Snapshot:
        text = f'responses_total{{route="/turn",status="499",outcome="left"}} {value}\n'
        return Snapshot(at_s=9.0, name="metrics", status=200, data=text)

    assert findings(AGREE, made.history(gone)) == []
    assert findings(METRICS, made.history(gone, counted(0.0))) == []
    assert findings(METRICS, made.history(gone, counted(1.0))) == []
    assert len(findings(METRICS, made.history(gone, counted(2.0)))) == 1


def outage(how, at_s, ended_s):
    """An outage between two times."""
    return Outage(at_s=at_s, ended_s=ended_s, fault="process", how=how)


def test_a_record_may_be_missing_where_the_process_was_killed(made, findings):
    """A kill in a request, or right after its answer, may cost its record; SIGTERM may not, nor a kill long after."""
    turn = made.turn()
    for how, at_s, found in (
        ("killed", 1.05, 0),
        ("killed", 1.15, 0),
        ("killed", 1.3, 1),
        ("terminated", 1.05, 1),
        ("paused", 1.05, 1),
    ):
        assert len(findings(AGREE, made.history(turn, outage(how, at_s, 3.0)))) == found
    impatient = replace(outage("terminated", 1.05, 3.0), exit_code=-9)
    assert findings(AGREE, made.history(turn, impatient)) == []


def test_a_request_that_an_outage_kept_away_owes_no_record(made, findings):
    """Refused in an outage of any kind: it may have been read and logged, or not; but not twice."""
    turn = made.turn(status=None, body=None, error="ConnectError")
    record = made.completion(turn, fields={"status_code": 200, "success": True})
    for records, found in (((), 0), ((record,), 0), ((record, record), 1)):
        assert len(findings(AGREE, made.history(turn, outage("terminated", 1.0, 2.0), *records))) == found
    assert len(findings(AGREE, made.history(turn))) == 1


def test_requests_under_one_id_have_a_record_each(made, findings):
    """What arrives twice is logged twice, with both statuses, in any order."""
    turn = made.turn()
    again = replace(turn, role="beside", status=409)
    records = made.completion(again), made.completion(turn)
    assert findings(AGREE, made.history(turn, again, *records)) == []
    assert findings(AGREE, made.history(turn, again, records[0])) == [
        "1 completion records (log lines [1]), 2 expected"
    ]
    other = made.completion(turn, fields={"status_code": 503, "success": False})
    assert len(findings(AGREE, made.history(turn, again, records[0], other))) == 1


def test_a_request_beside_is_logged_under_the_id_that_it_was_given(made, findings):
    """A hostile id is replaced; what the server refused by itself has no id and no record."""
    replaced = made.turn(role="beside", status=422, headers={"x-request-id": "given"})
    refused = made.turn(2, role="beside", status=400, headers={})
    record = made.completion(replaced, request_id="given")
    assert findings(AGREE, made.history(replaced, refused, record)) == []
    assert findings(CARRIED, made.history(replaced, refused, record)) == []
    assert len(findings(AGREE, made.history(replaced, refused))) == 1


def test_an_answer_that_broke_off_may_be_logged_as_499(made, findings):
    """From within, an answer that broke off on its way looks as if the client had left, or as if all was well."""
    turn = made.turn(error="ReadError")
    for fields, found in (
        ({"status_code": 499, "success": False, "complete": False}, 0),
        ({"status_code": 200, "success": True}, 0),
        ({"status_code": 503, "success": False}, 1),
    ):
        assert len(findings(AGREE, made.history(turn, made.completion(turn, fields=fields)))) == found


def test_the_id_of_a_request_that_was_given_up_may_be_on_no_record(made, findings):
    """A request beside the turns may be logged under another id, which an answer would have told; never under none."""
    turn, left = made.turn(), made.turn(2, role="beside", status=None, body=None, left=True)
    for other, request_id, found in (
        (left, "unheard-of", 0),
        (left, None, 1),
        (replace(left, role="turn"), "unheard-of", 1),
    ):
        records = made.completion(turn), made.completion(turn, request_id=request_id)
        assert len(findings(CARRIED, made.history(turn, *records, other))) == found


def test_a_client_that_left_in_the_answer_may_have_been_sent_all_of_it(made, findings):
    """Where a part was there, the service may not have noticed; a request beside that was given up has any status."""
    part = made.turn(error="left", left=True)
    beside = made.turn(role="beside", status=None, body=None, error="left", left=True)
    for status, found in ((200, 0), (499, 0), (503, 1)):
        fields = {"status_code": status, "success": status == 200, "complete": status == 200}
        assert len(findings(AGREE, made.history(part, made.completion(part, fields=fields)))) == found
        assert findings(AGREE, made.history(beside, made.completion(beside, fields=fields))) == []
    in_flight = made.call(part, ended_s=part.ended_s + 0.05)
    assert len(findings(AGREE, made.history(part, in_flight, made.completion(part)))) == 1


def counted(**values):
    """A snapshot of the response counter; s200=2 counts two turns of status 200."""
    lines = [
        f'responses_total{{route="/turn",status="{name[1:]}"}} {value}' for name, value in values.items()
    ]
    return Snapshot(at_s=9.0, name="metrics", status=200, data="\n".join(lines))


@pytest.mark.parametrize(("how", "found"), [("killed", 0), ("terminated", 0), ("paused", 1)])
def test_a_counter_that_was_lost_with_its_process_may_be_lower(made, findings, how, found):
    """What an ended process had counted is gone; a paused one has forgotten nothing; none may count what was not sent."""
    turns = made.turn(1), made.turn(2)
    history = made.history(*turns, outage(how, 5.0, 6.0), counted(s200=1))
    assert len(findings(METRICS, history)) == found
    for more in (counted(s200=3), counted(s200=2, s503=1)):
        assert len(findings(METRICS, made.history(*turns, outage(how, 5.0, 6.0), more))) == 1


def test_a_turn_that_an_outage_cut_may_be_counted_under_any_status(made, findings):
    """The service may have finished what its client never saw, once."""
    cut = made.turn(2, status=None, body=None, error="ReadError")
    records = made.turn(1), cut, outage("paused", 2.0, 3.0)
    assert findings(METRICS, made.history(*records, counted(s200=2))) == []
    assert findings(METRICS, made.history(*records, counted(s200=1, s503=1))) == []
    assert len(findings(METRICS, made.history(*records, counted(s200=3)))) == 1
    assert len(findings(METRICS, made.history(made.turn(1), cut, counted(s200=2)))) == 1


def test_an_answer_that_broke_off_may_be_counted_as_499(made, findings):
    """It is counted once, as what was sent or as a client that left."""
    broken = made.turn(error="ReadError")
    for snapshot, found in ((counted(s200=1), 0), (counted(s499=1), 0), (counted(s503=1), 1)):
        assert len(findings(METRICS, made.history(broken, snapshot))) == found


def test_requests_beside_may_be_counted_or_not(made, findings):
    """What the server refuses by itself is not counted, what reaches the service is; one that was given up, anyhow."""
    turn, beside = made.turn(1), made.turn(2, role="beside", status=422)
    left = made.turn(3, role="beside", status=None, body=None, left=True)
    assert findings(METRICS, made.history(turn, beside, counted(s200=1))) == []
    assert findings(METRICS, made.history(turn, beside, counted(s200=1, s422=1))) == []
    assert len(findings(METRICS, made.history(turn, beside, counted(s200=1, s422=2)))) == 1
    assert findings(METRICS, made.history(turn, left, counted(s200=1, s408=1))) == []
    assert len(findings(METRICS, made.history(turn, left, counted(s408=1)))) == 1
