"""Each invariant on degradation passes a healthy history and fails each way in which it can be broken."""

from harness.history import FaultFired

EXPLAINED = "degradation.explained"
NAMED = "degradation.named"
CALL_NAMED = "degradation.provider_call_named"
BUDGET = "degradation.retry_budget"


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


def test_a_retry_storm_is_found(made, findings):
    """More calls for one request than the contract allows are found."""
    turn = made.turn()
    call = made.call(turn)
    assert findings(BUDGET, made.history(turn, call, call)) == []
    assert findings(BUDGET, made.history(turn, call, call, call)) == ["3 provider calls, 2 allowed"]
