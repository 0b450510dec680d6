"""How a stream must end, and each way in which it can end badly."""

import pytest

from harness.history import FaultFired, Outage

ENDS = "outcome.stream_ends"
SSE = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "r-1"}


def stream(made, *names, number=1, **changes):
    """A streamed turn with events of these names."""
    body = [{"event": name, "data": {}} for name in names]
    return made.turn(number, **{"headers": SSE, "body": body, **changes})


WHOLE = ("chunk", "chunk", "done")


def test_streams_that_say_how_they_ended_pass(made, findings):
    """One ends with `done`, one with `error`."""
    history = made.history(stream(made, *WHOLE), stream(made, "chunk", "error", number=2), made.turn(3))
    assert findings(ENDS, history) == []


@pytest.mark.parametrize(
    "names", [(), ("chunk",), ("done", "chunk"), ("done", "done"), ("error", "done"), ("done", "error")]
)
def test_a_stream_that_ends_otherwise_is_found(made, findings, names):
    """No end, an end before the last event, and two ends are each found where another stream says `done`."""
    history = made.history(stream(made, *WHOLE), stream(made, *names, number=2))
    (message,) = findings(ENDS, history)
    assert message.startswith(f"the stream ends with {names[-1] if names else 'nothing'}")


def test_a_stream_that_ends_with_an_error_in_its_data_has_ended(made, findings):
    """It has another name for what the others call `error`."""
    failed = made.turn(2, headers=SSE, body=[{"event": "message", "data": {"error": "cut"}}])
    assert findings(ENDS, made.history(stream(made, *WHOLE), failed)) == []


def test_a_target_that_never_says_done_is_not_held_to_it(made, findings):
    """Streams without `done` anywhere in the run have an end of their own kind."""
    assert findings(ENDS, made.history(stream(made, "token", "token"))) == []


def test_an_error_status_and_an_unread_body_are_no_streams(made, findings):
    """Only a 200 whose events were read is held to its events."""
    refused = stream(made, "chunk", number=2, status=503)
    unread = stream(made, number=3, body="data: hello")
    assert findings(ENDS, made.history(stream(made, *WHOLE), refused, unread)) == []


def test_a_stream_that_broke_off_is_found(made, findings):
    """A transport that ends within the stream is found, also where no stream says `done`; not where the client left."""
    broken = stream(made, "chunk", error="RemoteProtocolError")
    assert findings(ENDS, made.history(broken)) == ["the stream broke off: RemoteProtocolError"]
    assert findings(ENDS, made.history(stream(made, "chunk", error="left", left=True))) == []
    assert findings(ENDS, made.history(stream(made, *WHOLE), stream(made, left=True, number=2))) == []


@pytest.mark.parametrize(("how", "found"), [("killed", 0), ("paused", 0), ("terminated", 1)])
def test_an_outage_explains_a_broken_stream_but_for_sigterm(made, findings, how, found):
    """A process that is killed cuts its streams; one that is asked to end finishes them."""
    broken = stream(made, "chunk", error="RemoteProtocolError")
    outage = Outage(at_s=1.05, ended_s=3.0, fault="process", how=how)
    assert len(findings(ENDS, made.history(broken, outage))) == found
    later = Outage(at_s=2.0, ended_s=3.0, fault="process", how=how)
    assert len(findings(ENDS, made.history(broken, later))) == 1


@pytest.mark.parametrize(
    ("fault", "request_id", "found"),
    [
        ("client.slow_reader", "r-1", 0),
        ("client.slow_reader", "r-2", 1),
        ("network.reset", "r-1", 1),
        ("provider.x", "r-1", 1),
    ],
)
def test_a_fault_of_its_own_client_explains_a_broken_stream(made, findings, fault, request_id, found):
    """What the client of this very turn was made to do explains the cut; nothing behind the service ever does."""
    broken = stream(made, "chunk", error="ReadError")
    fired = FaultFired(at_s=1.0, fault=fault, detail=f"turn {request_id} of session a")
    assert len(findings(ENDS, made.history(broken, fired))) == found
