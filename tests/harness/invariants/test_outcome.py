"""Each invariant on outcomes passes a healthy history and fails each way in which it can be broken."""

NAME = "outcome.answered_within_deadline"
STATUS = "outcome.status_in_contract"
RETURNED = "outcome.request_id_returned"


def test_a_timely_turn_passes(made, findings):
    """A turn inside the deadline is no finding."""
    assert findings(NAME, made.history(made.turn())) == []


def test_a_late_turn_is_found(made, findings):
    """A turn a tenth and more past the deadline is found, with the seconds it took."""
    (message,) = findings(NAME, made.history(made.turn(at_s=0.0, ended_s=1.2)))
    assert "1.20 s" in message


def test_a_late_turn_is_forgiven_where_the_harness_was_late_itself(made, findings):
    """What the harness's own ticker was late is not held against the target."""
    assert findings(NAME, made.history(made.turn(at_s=0.0, ended_s=1.2), harness_lag_ms_max=200.0)) == []


def test_a_turn_without_an_answer_is_found(made, findings):
    """No status at all is a finding, but for a client that left on purpose."""
    turn = made.turn(status=None, body=None, error="ReadError")
    assert findings(NAME, made.history(turn)) == ["no answer: ReadError"]
    left = made.turn(status=None, body=None, error="left", left=True)
    assert findings(NAME, made.history(left)) == []


def test_statuses_of_the_contract_pass(made, findings):
    """A 200 and a typed 503 are no findings."""
    assert findings(STATUS, made.history(made.turn(1), made.turn(2, status=503))) == []


def test_a_500_is_found_on_any_path(made, findings):
    """A 500 is a bug, also where no turn was held."""
    assert findings(STATUS, made.history(made.turn(status=500, path="/other"))) == [
        "500: a valid request met a bug"
    ]


def test_a_status_outside_the_contract_is_found(made, findings):
    """A turn that is answered 418 is found."""
    assert findings(STATUS, made.history(made.turn(status=418))) == ["418 is not in the contract"]


def test_an_error_without_a_typed_body_is_found(made, findings):
    """An error as plain text, or under another request's id, is found."""
    plain = made.turn(status=503, headers={"content-type": "text/plain"}, body="no")
    other = made.turn(status=503, body={"request_id": "somebody's"})
    assert findings(STATUS, made.history(plain)) == ["503 without a problem body"]
    assert findings(STATUS, made.history(other)) == ["503 without a problem body"]


def test_a_lost_request_id_is_found(made, findings):
    """An answer that does not carry the id of its request is found."""
    assert findings(RETURNED, made.history(made.turn())) == []
    assert findings(RETURNED, made.history(made.turn(headers={}))) == ["the answer carries request id None"]


def test_a_request_without_an_answer_and_a_slow_health_are_found(made, findings):
    """Any request that nobody answered is found, and a health check that takes over a second."""
    silent = made.turn(path="/other", method="GET", status=None, body=None, error="ReadTimeout")
    slow = made.turn(path="/health", method="GET", at_s=0.0, ended_s=1.2)
    assert findings(NAME, made.history(silent)) == ["no answer: ReadTimeout"]
    assert findings(NAME, made.history(slow)) == ["answered after 1.20 s, promised within 1.00 s"]
