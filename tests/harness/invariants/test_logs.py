"""Each invariant on logs passes a healthy history and fails each way in which it can be broken."""

from harness.history import LogRecord, Snapshot

AGREE = "logs.agree_with_wire"
METRICS = "logs.metrics_agree_with_wire"
FORBIDDEN = "logs.nothing_forbidden"
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


def test_a_client_that_left_is_logged_as_499(made, findings):
    """Where the client left, 499 and incomplete is the truth, and 200 is a lie."""
    turn = made.turn(status=None, body=None, left=True)
    truth = made.completion(turn, fields={"status_code": 499, "success": False, "complete": False})
    lie = made.completion(turn, fields={"status_code": 200, "success": True})
    assert findings(AGREE, made.history(turn, truth)) == []
    assert len(findings(AGREE, made.history(turn, lie))) == 1


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
    assert findings(FORBIDDEN, made.history(event)) == ["skipped must not occur"]
    assert findings(FORBIDDEN, made.history(text)) == ["the log says 'was never awaited'"]


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
