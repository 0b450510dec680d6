"""Each invariant on liveness passes a healthy history and fails each way in which it can be broken."""

import pytest

LAG = "liveness.loop_responsive"
RELEASED = "liveness.provider_call_released"
RECOVERS = "liveness.recovers"
QUIET = "liveness.quiescent"


def test_a_blocked_loop_is_found(made, findings):
    """A loop that stood still longer than allowed is found, less what the harness itself was late."""
    slow = made.probe("played", loop_lag_ms_max=180.0)
    assert findings(LAG, made.history(made.probe("played"))) == []
    assert len(findings(LAG, made.history(slow))) == 1
    assert findings(LAG, made.history(slow, harness_lag_ms_max=90.0)) == []
    assert len(findings(LAG, made.history(made.probe("restart", loop_lag_ms_max=180.0)))) == 1
    assert findings(LAG, made.history(made.turn())) == ["the target was never probed"]


def test_a_call_that_is_not_cancelled_is_found(made, findings):
    """A provider call that lasts past the deadline is found."""
    turn = made.turn()
    assert findings(RELEASED, made.history(turn, made.call(turn))) == []
    (message,) = findings(RELEASED, made.history(turn, made.call(turn, ended_s=9.0)))
    assert message.startswith("not cancelled")


def test_a_call_that_outlives_its_answer_is_found(made, findings):
    """A provider call that goes on after its request was answered is found."""
    turn = made.turn()
    call = made.call(turn, at_s=1.01, ended_s=turn.ended_s + 0.8)
    (message,) = findings(RELEASED, made.history(turn, call))
    assert "after its answer" in message


def test_a_service_that_does_not_recover_is_found(made, findings):
    """The last golden turn must be a healthy answer of the primary level."""
    healthy, sick = made.turn(1, role="golden"), made.turn(2, role="golden", status=503)
    assert findings(RECOVERS, made.history(sick, healthy)) == []
    assert len(findings(RECOVERS, made.history(healthy, sick))) == 1
    lower = made.turn(3, role="golden", body={"method": "second"})
    assert len(findings(RECOVERS, made.history(lower))) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("tasks", 4), ("threads", 6), ("descriptors", 23), ("provider_in_flight", 1)]
)
def test_what_is_left_behind_is_found(made, findings, name, value):
    """One task, a thread or descriptor beyond the pools, or a provider call left is found."""
    base = made.probe("baseline")
    assert findings(QUIET, made.history(made.turn(), base, made.probe("quiet"))) == []
    (message,) = findings(QUIET, made.history(made.turn(), base, made.probe("quiet", **{name: value})))
    assert message.startswith(f"{value} {name} left")


def test_a_target_that_was_never_probed_is_found(made, findings):
    """Without a probe there is no quiet to speak of."""
    assert findings(QUIET, made.history(made.turn())) == ["the target was never probed"]
