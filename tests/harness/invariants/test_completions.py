"""The completion records of a log without request ids, against the wire, by their number."""

import pytest

COUNTS = "logs.counts_agree_with_wire"


def judged(made, findings, turns, statuses, **fields):
    """What is found where these turns were answered, and records of these statuses were written."""
    records = []
    for status in statuses:
        said = {"status_code": status, "success": None if status is None else status < 400, **fields}
        records.append(made.completion(made.turn(), request_id=None, fields=said))
    return findings(COUNTS, made.history(*turns, *records, contract=made.silent))


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ((200, 200, 503), []),
        ((503, 200, 200, 200, 404), []),
        ((200, 200, 200), ["1 turns were answered with 503, 0 completion records say so"]),
        ((200, 200), ["1 turns were answered with 503, 0 completion records say so"]),
        ((200, 503), ["2 turns were answered with 200, 1 completion records say so"]),
        ((200, 200, None), []),
        ((), ["2 turns were answered with 200, 0", "1 turns were answered with 503, 0"]),
    ],
)
def test_each_answer_has_a_record_of_its_status(made, findings, statuses, found):
    """Two 200 and one 503: more records are those of other requests, one without a status may be any, fewer are a lie."""
    turns = made.turn(1), made.turn(2), made.turn(3, status=503)
    messages = judged(made, findings, turns, statuses)
    assert len(messages) == len(found)
    assert all(message.startswith(start) for message, start in zip(messages, found, strict=True))


@pytest.mark.parametrize(
    ("status", "fields", "found"),
    [
        (200, {}, 0),
        (503, {"success": True}, 1),
        (200, {"success": False}, 1),
        (200, {"success": False, "complete": False}, 0),
        (200, {"success": True, "complete": False}, 1),
        (503, {"success": None}, 0),
    ],
)
def test_a_record_may_not_contradict_itself(made, findings, status, fields, found):
    """Success follows from the status and from the answer's being whole; of what is not said nothing is asked."""
    messages = judged(made, findings, (made.turn(status=status),), (status,), **fields)
    assert len(messages) == found
    assert all(message.startswith("logged success=") for message in messages)


def test_as_many_may_be_logged_as_no_success_beside_a_200_as_streams_failed_behind_it(made, findings):
    """Nobody knows which record is whose: two such records of one failed stream are one too many."""
    failed = made.turn(
        1,
        headers={"content-type": "text/event-stream"},
        body=[{"event": "message", "data": {"error": "cut"}}],
    )
    for others, found in ((0, 0), (1, 1)):
        turns = failed, *[made.turn(2)] * others
        assert len(judged(made, findings, turns, [200] * len(turns), success=False)) == found


def test_what_may_never_have_been_logged_is_not_missed(made, findings):
    """A client that left, an answer that broke off and what a fault sent beside have no record that anybody could demand."""
    left = made.turn(1, status=None, body=None, left=True)
    broken = made.turn(2, error="ReadError")
    beside = made.turn(3, role="beside", status=422)
    assert judged(made, findings, (left, broken, beside), ()) == []


def test_a_log_with_ids_is_held_to_each_request(made, findings):
    """Where each record is compared with its own request nothing is counted: one finding for one lie."""
    assert findings(COUNTS, made.history(made.turn())) == []


@pytest.mark.parametrize(
    ("last", "found"), [({"error": "cut"}, []), ({"delta": "all"}, ["logged success=False with status 200"])]
)
def test_a_stream_that_failed_may_be_logged_so_beside_its_200(made, findings, last, found):
    """Its status was sent before; of one that the client saw whole it is a lie."""
    turn = made.turn(headers={"content-type": "text/event-stream"}, body=[{"event": "message", "data": last}])
    record = made.completion(turn, fields={"status_code": 200, "success": False})
    assert [
        message.partition(";")[0] for message in findings("logs.agree_with_wire", made.history(turn, record))
    ] == found


def test_a_stream_that_failed_behind_its_status_is_shown_first(made, findings):
    """Of two 200 of which one is logged as 503 the stream that broke is the evidence, though the other one came later."""
    failed = made.turn(
        1, headers={"content-type": "text/event-stream"}, body=[{"event": "error", "data": {}}]
    )
    (message,) = judged(made, findings, (failed, made.turn(2)), (200, 503))
    assert message.endswith("1 are streams that failed later: log the status that was sent")
