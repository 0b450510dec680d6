"""Each invariant on degradation passes a healthy history and fails each way in which it can be broken."""

from harness.history import FaultFired, Outage

EXPLAINED = "degradation.explained"
NAMED = "degradation.named"
CALL_NAMED = "degradation.provider_call_named"


def lower(made, number=1, fallbacks=(), **changes):
    """A turn that a lower level answered."""
    body = {"session_id": "s-a", "turn": number, "method": "second", "fallbacks": list(fallbacks)}
    return made.turn(number, body=body, **changes)


def test_a_primary_answer_with_its_call_passes(made, findings):
    """The primary level answered, and the provider was asked by it."""
    turn = made.turn()
    assert findings(EXPLAINED, made.history(turn, made.call(turn))) == []


def test_a_lower_answer_without_a_fault_is_found(made, findings):
    """A healthy provider and a lower level: the level was skipped."""
    turn = lower(made)
    (message,) = findings(EXPLAINED, made.history(turn, made.call(turn)))
    assert message == "answered by second though nothing was wrong"


def test_a_lower_answer_after_a_fault_is_explained(made, findings):
    """Once a fault has fired, a lower level is what one expects; before it, it is not."""
    fault = FaultFired(at_s=1.05, fault="provider.no_reply")
    assert findings(EXPLAINED, made.history(lower(made), fault)) == []
    assert len(findings(EXPLAINED, made.history(lower(made), FaultFired(at_s=5.0, fault="later")))) == 1


def test_a_fault_long_ago_explains_nothing(made, findings):
    """When there was time to recover, a lower level is a finding again."""
    fault = FaultFired(at_s=1.0, fault="provider.no_reply")
    late = lower(made, at_s=6.5, ended_s=6.6)
    assert len(findings(EXPLAINED, made.history(late, fault))) == 1


def test_a_primary_answer_that_nobody_gave_is_found(made, findings):
    """An answer that names the primary level, which the provider never saw asked, is found."""
    turn = made.turn()
    structured = made.call(turn, level="structured")
    assert findings(EXPLAINED, made.history(turn, structured)) == [
        "says first, but the provider saw no such call"
    ]


def test_a_replayed_answer_needs_no_call(made, findings):
    """The second answer under one idempotency key costs no provider call."""
    key = {"idempotency-key": "k"}
    one, again = made.turn(1, request_headers=key), made.turn(2, request_headers=key)
    stranger = made.turn(2, request_headers=key, session="b")
    assert findings(EXPLAINED, made.history(one, made.call(one), again)) == []
    assert len(findings(EXPLAINED, made.history(one, made.call(one), stranger))) == 1


def test_an_unnamed_fallback_is_found(made, findings):
    """A lower level's answer must say which level did not answer, and why."""
    assert (
        findings(NAMED, made.history(lower(made, fallbacks=[{"level": "first", "reason": "deadline"}]))) == []
    )
    assert len(findings(NAMED, made.history(lower(made)))) == 1
    for reason in ("", "no_reason_of_the_contract"):
        unnamed = lower(made, fallbacks=[{"level": "first", "reason": reason}])
        assert len(findings(NAMED, made.history(unnamed))) == 1


def test_a_nameless_provider_call_is_found(made, findings):
    """A call without the id of a request that was sent is found."""
    turn = made.turn()
    assert findings(CALL_NAMED, made.history(turn, made.call(turn))) == []
    assert len(findings(CALL_NAMED, made.history(turn, made.call(turn, request_id=None)))) == 1


def test_an_outage_explains_a_lower_answer_while_it_lasts(made, findings):
    """A target that was paused long after the fault fired is excused until it has had the time to recover."""
    outage = Outage(at_s=1.0, ended_s=20.0, fault="process.pause", how="paused")
    fired = FaultFired(at_s=1.0, fault="process.pause")
    assert findings(EXPLAINED, made.history(lower(made, at_s=19.0, ended_s=20.5), fired, outage)) == []
    assert len(findings(EXPLAINED, made.history(lower(made, at_s=25.5, ended_s=25.6), fired, outage))) == 1


def test_a_stream_is_held_to_its_last_event(made, findings):
    """A stream that is done by a lower level is found like any other answer; only `done` says who answered."""
    headers = {"content-type": "text/event-stream", "x-request-id": "r-1"}
    done = [{"event": "done", "data": {"method": "second"}}]
    others = [[{"event": name, "data": {"method": "second"}}] for name in ("error", "chunk")]
    assert len(findings(EXPLAINED, made.history(made.turn(headers=headers, body=done)))) == 1
    for other in others:
        assert findings(EXPLAINED, made.history(made.turn(headers=headers, body=other))) == []


def test_a_request_beside_may_be_given_another_id(made, findings):
    """A call under the id that the target gave instead is named; of a request without an answer nobody knows which that was."""
    beside = made.turn(2, role="beside", headers={"x-request-id": "given"})
    call = made.call(beside, request_id="given")
    assert findings(CALL_NAMED, made.history(beside, call)) == []
    stranger, nameless = made.call(beside, request_id="else"), made.call(beside, request_id=None)
    left = made.turn(3, role="beside", status=None, body=None, left=True)
    assert len(findings(CALL_NAMED, made.history(beside, stranger))) == 1
    assert findings(CALL_NAMED, made.history(beside, stranger, left)) == []
    assert len(findings(CALL_NAMED, made.history(beside, nameless, left))) == 1


def test_a_refusal_names_no_level(made, findings):
    """An error is not answered by any level, so it is none too low."""
    refused = made.turn(status=503)
    assert findings(EXPLAINED, made.history(refused)) == findings(NAMED, made.history(refused)) == []


def test_a_replay_of_a_turn_whose_answer_failed_needs_no_call(made, findings):
    """An attempt that asked the provider and could not say so is replayed by the next; one that asked nobody is not."""
    key = {"idempotency-key": "k"}
    failed, again = made.turn(1, status=503, request_headers=key), made.turn(2, request_headers=key)
    assert findings(EXPLAINED, made.history(failed, made.call(failed), again)) == []
    assert len(findings(EXPLAINED, made.history(failed, again))) == 1
