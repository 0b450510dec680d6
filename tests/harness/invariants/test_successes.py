"""What may be logged as a success: no stream that ended with an error."""

import pytest

WHOLE = "logs.success_is_whole"
SSE = {"content-type": "text/event-stream; charset=utf-8"}


def stream(made, *names, **changes):
    """A streamed turn with events of these names."""
    return made.turn(headers=SSE, body=[{"event": name, "data": {}} for name in names], **changes)


@pytest.mark.parametrize(
    ("names", "success", "found"),
    [
        (("chunk", "error"), True, 1),
        (("error",), True, 1),
        (("chunk", "error"), False, 0),
        (("chunk", "done"), True, 0),
        ((), True, 0),
    ],
)
def test_a_stream_that_ended_with_an_error_is_no_success(made, findings, names, success, found):
    """Only the record that claims success for a stream whose last event is `error` is found."""
    turn = stream(made, *names)
    history = made.history(turn, made.completion(turn, fields={"success": success}))
    assert len(findings(WHOLE, history)) == found


@pytest.mark.parametrize(("claims", "found"), [(0, 0), (1, 0), (2, 1)])
def test_of_requests_under_one_id_as_many_may_be_successes_as_were(made, findings, claims, found):
    """Two requests have one id, and one of them failed: one success is right, two are one too many."""
    failed, whole = stream(made, "chunk", "error"), stream(made, "chunk", "done")
    records = [made.completion(whole, fields={"success": number < claims}) for number in range(2)]
    assert len(findings(WHOLE, made.history(failed, whole, *records))) == found


def test_an_error_in_the_data_of_an_unnamed_event_is_one_too(made, findings):
    """A stream may tell of it as OpenAI's does, by `error` in its data; a null there tells of none."""
    for told, found in (({"message": "no"}, 1), ("no", 1), (None, 0)):
        body = [{"event": "message", "data": {"delta": "x"}}, {"event": "message", "data": {"error": told}}]
        turn = made.turn(headers=SSE, body=body)
        history = made.history(turn, made.completion(turn, fields={"success": True}))
        assert len(findings(WHOLE, history)) == found


def test_what_is_no_completion_record_claims_nothing(made, findings):
    """Another record of the request may say success: it speaks of a part."""
    turn = stream(made, "chunk", "error")
    record = made.completion(turn, fields={"success": True}, event="chunk_sent")
    assert findings(WHOLE, made.history(turn, record)) == []
