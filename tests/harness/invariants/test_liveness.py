"""Each invariant on liveness passes a healthy history and fails each way in which it can be broken."""

import pytest

from harness.history import FaultFired, Outage
from harness.invariants.liveness import quiescent_tasks

LAG = "liveness.loop_responsive"
RELEASED = "liveness.provider_call_released"
RECOVERS = "liveness.recovers"
QUIET = "liveness.quiescent"
TASKS = "liveness.quiescent_tasks"


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


def test_a_call_that_goes_on_after_its_client_left_is_found(made, findings):
    """Who has nobody to answer any more lets go of the provider: a second later is too late, whatever the deadline."""
    left = made.turn(status=None, body=None, left=True, ended_s=1.004)
    assert findings(RELEASED, made.history(left, made.call(left, at_s=1.002, ended_s=1.2))) == []
    (message,) = findings(RELEASED, made.history(left, made.call(left, at_s=1.002, ended_s=2.05)))
    assert message == "still in flight 1.05 s after its answer"


def test_a_service_that_does_not_recover_is_found(made, findings):
    """The last golden turn must be a healthy answer of the primary level."""
    healthy, sick = made.turn(1, role="golden"), made.turn(2, role="golden", status=503)
    assert findings(RECOVERS, made.history(sick, healthy)) == []
    assert len(findings(RECOVERS, made.history(healthy, sick))) == 1
    lower = made.turn(3, role="golden", body={"method": "second"})
    assert len(findings(RECOVERS, made.history(lower))) == 1


@pytest.mark.parametrize(
    ("invariant", "name", "value"),
    [
        (TASKS, "tasks", 4),
        (QUIET, "threads", 9),
        (QUIET, "descriptors", 25),
        (QUIET, "provider_in_flight", 1),
        (QUIET, "limiter_tokens", 1),
    ],
)
def test_what_is_left_behind_is_found(made, findings, invariant, name, value):
    """One task, a thread or descriptor beyond the pools, a token of the limiter or a provider call left is found, each by its own witness."""
    base = made.probe("baseline")
    assert findings(invariant, made.history(made.turn(), base, made.probe("quiet"))) == []
    history = made.history(made.turn(), base, made.probe("quiet", **{name: value}))
    (message,) = findings(invariant, history)
    assert message.startswith(f"{value} {name} left")
    (other,) = {TASKS, QUIET} - {invariant}
    assert findings(other, history) == []


@pytest.mark.parametrize("name", ["threads", "descriptors"])
@pytest.mark.parametrize(
    "case",
    [
        (("provider.no_reply",), 4, (4, 4), 2),
        (("network.reset", "provider.no_reply"), 4, (4, 4), 2),
        (("provider.no_reply",), 4, (7, 7), 8),
        (("provider.no_reply",), 4, (4, 6), 6),
        (("provider.no_reply",), 1, (4, 4), 8),
        (("client.disconnect",), 4, (4, 4), 2),
        (("client.flood",), 4, (9, 4), 12),
        (("store.slow",), 4, (4, 4), 8),
        (("store.slow",), 4, (7, 0), 14),
        (("store.slow",), 0, (3, 3), 8),
        (("provider.no_reply", "store.slow"), 2, (2, 2), 4),
        ((), 4, (4, 4), 2),
    ],
)
def test_pools_may_keep_what_the_warm_up_could_not_fill(made, findings, name, case):
    """Two more, or two for each turn or call beyond the warm-up's calls; two for each where other things are waited for."""
    declared, warm, (turns, calls), more = case
    turn = made.turn(1, role="warmup", at_s=0.5, ended_s=0.6)
    held = [turn, *(made.call(turn, at_s=0.51, ended_s=0.59) for _ in range(warm))]
    held += [made.turn(number, at_s=1.0, ended_s=1.1) for number in range(turns)]
    held += [made.call(turn, at_s=1.01, ended_s=1.09) for _ in range(calls)]
    base = made.probe("baseline", at_s=0.7)
    for left, found in ((more, 0), (more + 1, 1)):
        quiet = made.probe("quiet", **{name: getattr(base, name) + left})
        history = made.history(*held, base, quiet, declared=declared)
        assert len(findings(QUIET, history)) == found


def test_a_route_that_the_warm_up_does_not_ask_may_have_threads_of_its_own(made, findings):
    """Three requests at once for another route may have opened three threads and connections beside the two that are spare."""
    turn = made.turn(1, role="warmup", at_s=0.5, ended_s=0.6)
    asked = [made.turn(number, role="request", path="/other", at_s=1.0, ended_s=1.1) for number in range(3)]
    base = made.probe("baseline", at_s=0.7)
    for left, found in ((5, 0), (6, 1)):
        quiet = made.probe("quiet", threads=base.threads + left)
        greeted = made.turn(role="warmup", path="/health", at_s=0.1, ended_s=0.2)
        calls = [made.call(turn, at_s=0.51, ended_s=0.59) for _ in range(3)]
        assert len(findings(QUIET, made.history(greeted, turn, *calls, *asked, base, quiet))) == found
        assert len(findings(QUIET, made.history(greeted, turn, *calls, base, quiet))) == 1


def test_a_call_that_the_warm_up_left_is_found(made, findings):
    """A provider call in flight is none too many at any time, also where there was one at the baseline."""
    base, quiet = (made.probe(phase, provider_in_flight=1) for phase in ("baseline", "quiet"))
    assert findings(QUIET, made.history(base, quiet)) == ["1 provider_in_flight left, 0 allowed"]


def test_who_testifies_decides_what_is_asked_of_quiet():
    """A process of which only the system can tell is held to its threads and descriptors, and to no tasks."""
    from harness.registry import INVARIANTS  # noqa: PLC0415  # kept from the import of every other test

    assert INVARIANTS.get(QUIET).witnesses == {"process", "wire"}
    assert INVARIANTS.get(TASKS).witnesses == {"probes", "wire"}


def test_a_fresh_process_may_have_less(made, findings):
    """After an outage the process is another one: it has fewer threads, and that is no finding."""
    outage = Outage(at_s=2.0, ended_s=3.0, fault="process.kill", how="killed")
    fresh = made.probe("quiet", threads=1, descriptors=9, tasks=2)
    history = made.history(made.turn(), made.probe("baseline"), outage, fresh)
    assert findings(QUIET, history) == findings(TASKS, history) == []


@pytest.mark.parametrize("invariant", [QUIET, TASKS])
def test_a_target_that_was_never_probed_is_found(made, findings, invariant):
    """Without a probe there is no quiet to speak of."""
    assert findings(invariant, made.history(made.turn())) == ["the target was never probed"]


def golden(made, at_s, **changes):
    """A golden turn that begins then."""
    return made.turn(1, role="golden", at_s=at_s, ended_s=at_s + 0.1, **changes)


def test_a_recovery_that_takes_too_long_is_found(made, findings):
    """The first healthy golden turn begins at most five seconds after the last firing."""
    fired = FaultFired(at_s=1.0, fault="provider.no_reply")
    sick = golden(made, 1.5, status=503)
    assert findings(RECOVERS, made.history(fired, sick, golden(made, 6.0))) == []
    (message,) = findings(RECOVERS, made.history(fired, sick, golden(made, 7.0)))
    assert message == "healthy again after 5.50 s, promised within 5.00 s"
    assert findings(RECOVERS, made.history(fired, sick, golden(made, 7.0), harness_lag_ms_max=600.0)) == []


def test_recovery_is_counted_from_the_end_of_an_outage(made, findings):
    """While the process is away it cannot recover."""
    outage = Outage(at_s=1.0, ended_s=4.0, fault="process.kill", how="killed")
    refused = golden(made, 1.5, status=None, body=None)
    assert findings(RECOVERS, made.history(outage, refused, golden(made, 8.5))) == []
    assert len(findings(RECOVERS, made.history(outage, refused, golden(made, 9.5)))) == 1


def test_nobody_waits_for_recovery_before_the_first_golden_turn(made, findings):
    """Long steps after the last firing are not the target's time."""
    fired = FaultFired(at_s=1.0, fault="provider.no_reply")
    assert findings(RECOVERS, made.history(fired, golden(made, 60.0))) == []


def test_a_streamed_golden_turn_must_be_done(made, findings):
    """A golden turn that streams is healthy when it is done, and names its level if at all rightly."""
    headers = {"content-type": "text/event-stream"}
    for event, data, found in (
        ("done", {}, 0),
        ("done", {"method": "first"}, 0),
        ("done", {"method": "second"}, 1),
        ("error", {}, 1),
    ):
        turn = golden(made, 2.0, headers=headers, body=[{"event": event, "data": data}])
        assert len(findings(RECOVERS, made.history(turn))) == found


def paused(at_s, ended_s):
    """A pause of the process."""
    return Outage(at_s=at_s, ended_s=ended_s, fault="process.pause", how="paused")


def test_a_paused_loop_is_not_late(made, findings):
    """The time of a pause since the probe before is not held against the loop."""
    late = made.probe("played", at_s=9.0, loop_lag_ms_max=1050.0)
    assert findings(LAG, made.history(late, paused(2.0, 3.0))) == []
    assert len(findings(LAG, made.history(late, paused(2.0, 2.5)))) == 1
    before = made.probe("restart", at_s=4.0)
    assert len(findings(LAG, made.history(paused(2.0, 3.0), before, late))) == 1


def test_a_paused_process_cannot_let_a_call_go(made, findings):
    """A call that a pause kept in flight is excused for as long, before and after its answer."""
    turn = made.turn()
    long = made.call(turn, at_s=1.01, ended_s=3.0)
    assert findings(RELEASED, made.history(turn, long, paused(1.05, 2.8))) == []
    assert len(findings(RELEASED, made.history(turn, long, paused(1.05, 1.2)))) == 1
    after = made.call(turn, at_s=1.01, ended_s=turn.ended_s + 0.8)
    assert findings(RELEASED, made.history(turn, after, paused(1.2, 1.6))) == []


def test_what_was_left_is_named(made):
    """The evidence names what there is more of than at the baseline, the same thing once with its number."""
    base = made.probe("baseline", names={"tasks": ("Server.serve", "Pump.run 1")})
    names = {"tasks": ("Server.serve", "Pump.run 7", "Pump.run 8", "Pump.run 9")}
    quiet = made.probe("quiet", tasks=5, names=names)
    (finding,) = quiescent_tasks(made.history(made.turn(), base, quiet))
    assert finding.evidence.endswith("more than at the baseline: Pump.run N x 2")
