"""The budget of retries, with and without request ids, and the waits between them."""

from dataclasses import replace

import pytest

from harness.history import FaultFired

BUDGET = "degradation.retry_budget"
TOTAL = "degradation.retry_budget_total"
SPACING = "degradation.retry_spacing"


def attempts(made, number, *waits_s, status=500, **changes):
    """The turn `number`, and calls of it that each fail within a hundredth of a second and are retried after these waits."""
    turn, at_s = made.turn(number), float(number)
    calls = []
    for wait_s in (0.0, *waits_s):
        at_s += wait_s
        calls.append(made.call(turn, at_s=at_s, ended_s=at_s + 0.01, **{"status": status, **changes}))
        at_s += 0.01
    return turn, *calls


def test_a_retry_storm_is_found(made, findings):
    """More calls for one request than the contract allows are found."""
    turn = made.turn()
    call = made.call(turn)
    assert findings(BUDGET, made.history(turn, call, call)) == []
    assert findings(BUDGET, made.history(turn, call, call, call)) == ["3 provider calls, 2 allowed"]


def test_what_is_sent_twice_may_cost_twice(made, findings):
    """A duplicate under the same id has a budget of its own."""
    turn = made.turn()
    calls = [made.call(turn)] * 4
    assert findings(BUDGET, made.history(turn, replace(turn, role="beside"), *calls)) == []
    assert len(findings(BUDGET, made.history(turn, replace(turn, role="beside"), *calls, calls[0]))) == 1


def test_without_ids_the_total_is_held_to_the_budget(made, findings):
    """Two turns may cost four calls together, however they share them; a fifth is found."""
    one, two = made.turn(1), made.turn(2)
    calls = [made.call(one, request_id=None)] * 3 + [made.call(two, request_id=None)]
    assert findings(TOTAL, made.history(one, two, *calls, contract=made.silent)) == []
    (message,) = findings(TOTAL, made.history(one, two, *calls, calls[0], contract=made.silent))
    assert message == "5 provider calls for 2 requests, 2 allowed for each"


def test_with_ids_the_total_says_nothing(made, findings):
    """A service that passes ids on is held to its budget by each request alone."""
    turn = made.turn()
    assert findings(TOTAL, made.history(turn, *[made.call(turn)] * 5)) == []


def test_quiet_turns_do_not_pay_for_a_storm(made, findings):
    """Only what was under way while faults fired counts, so a long healthy run hides no storm."""
    turns = [made.turn(number) for number in range(1, 9)]
    healthy = [made.call(turn, request_id=None) for turn in turns]
    storm = [made.call(turns[3], request_id=None)] * 2
    fired = FaultFired(at_s=4.05, fault="provider.server_error")
    assert findings(TOTAL, made.history(*turns, *healthy, *storm, contract=made.silent)) == []
    assert len(findings(TOTAL, made.history(*turns, *healthy, *storm, fired, contract=made.silent))) == 1
    idle = FaultFired(at_s=4.5, fault="network.refused")
    assert findings(TOTAL, made.history(*turns, *healthy, *storm, idle, contract=made.silent)) == []


def test_a_request_beside_may_call_and_a_get_may_not(made, findings):
    """Any request but a GET adds to what may be called."""
    turn = made.turn()
    calls = [made.call(turn, request_id=None)] * 4
    for method, found in (("POST", 0), ("GET", 1)):
        other = made.turn(1, path="/other", method=method)
        assert len(findings(TOTAL, made.history(turn, other, *calls, contract=made.silent))) == found


def test_a_second_retry_at_once_is_found(made, findings):
    """A first retry may come at once, a further one may not."""
    assert findings(SPACING, made.history(*attempts(made, 1, 0.0002))) == []
    assert findings(SPACING, made.history(*attempts(made, 1, 0.0002, 0.004))) == []
    assert findings(SPACING, made.history(*attempts(made, 1, 0.02, 0.0005))) == [
        "retry 2 came 0.50 ms after a failure"
    ]


def test_retries_in_step_are_found(made, findings):
    """Three retries that all waited the same are found; two may be chance, and one that differs is jitter."""
    same = [record for number in (1, 2, 3) for record in attempts(made, number, 0.05)]
    assert findings(SPACING, made.history(*same)) == ["all 3 retries number 1 waited 50.0 ms: no jitter"]
    assert findings(SPACING, made.history(*same[:6])) == []
    spread = [record for number in (1, 2, 3) for record in attempts(made, number, 0.05 + number / 1000)]
    assert findings(SPACING, made.history(*spread)) == []


def test_retries_at_once_are_in_step_too(made, findings):
    """One retry that comes at once is allowed; three requests that all do it have no jitter."""
    records = [record for number in (1, 2, 3) for record in attempts(made, number, 0.00002)]
    assert findings(SPACING, made.history(*records)) == ["all 3 retries number 1 waited 0.0 ms: no jitter"]


def test_a_growing_wait_without_jitter_is_found(made, findings):
    """An exponential wait is the same for every request, one by one: each retry is compared with its like."""
    records = [record for number in (1, 2, 3) for record in attempts(made, number, 0.05, 0.1)]
    assert findings(SPACING, made.history(*records)) == [
        "all 3 retries number 1 waited 50.0 ms: no jitter",
        "all 3 retries number 2 waited 100.0 ms: no jitter",
    ]


@pytest.mark.parametrize(("status", "wait_s"), [(429, 0.05), (503, 0.05), (500, 1.0), (502, 2.0), (503, 0.0)])
def test_who_waits_as_told_needs_no_jitter(made, findings, status, wait_s):
    """A 429 or 503 may have said how long to wait, and whole seconds may be a Retry-After after any error."""
    records = [
        record for number in (1, 5, 9) for record in attempts(made, number, wait_s, wait_s, status=status)
    ]
    assert findings(SPACING, made.history(*records)) == []


def test_calls_that_are_no_retries_are_not_judged(made, findings):
    """After an answer, with other words, at another level, or when the caller gave up, nothing is a retry that was chosen."""
    answered = [record for number in (1, 2, 3) for record in attempts(made, number, 0.05, 0.0, status=200)]
    given_up = [
        record
        for number in (1, 2, 3)
        for record in attempts(made, number, 0.05, 0.0, status=None, outcome="aborted")
    ]
    assert findings(SPACING, made.history(*answered)) == []
    assert findings(SPACING, made.history(*given_up)) == []
    for changes in ({"level": "structured"}, {"messages": ({"role": "user", "content": "else"},)}):
        others = []
        for number in (1, 2, 3):
            turn, first, second = attempts(made, number, 0.05)
            others += [turn, first, replace(second, **changes)]
        assert findings(SPACING, made.history(*others)) == []


def test_a_bad_answer_that_a_fault_shaped_is_a_failure_too(made, findings):
    """A 200 that a fault spoiled is retried like an error."""
    spoiled = [
        record
        for number in (1, 2, 3)
        for record in attempts(made, number, 0.05, status=200, fault="provider.malformed_json")
    ]
    assert len(findings(SPACING, made.history(*spoiled))) == 1


def test_duplicates_and_parallel_calls_are_not_judged(made, findings):
    """Calls of a request that was sent twice, or that ran beside one another, are no retries of each other."""
    records = [record for number in (1, 2, 3) for record in attempts(made, number, 0.05)]
    twice = [replace(record, role="beside") for record in records[::3]]
    assert findings(SPACING, made.history(*records, *twice)) == []
    beside = [record for number in (1, 2, 3) for record in attempts(made, number, -0.005)]
    assert findings(SPACING, made.history(*beside)) == []
