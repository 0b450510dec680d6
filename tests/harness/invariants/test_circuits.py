"""The invariant on clients that leave: their calls keep nobody else from asking, and what else does is not blamed on them."""

from dataclasses import replace

import pytest

from harness.history import FaultFired, Outage

LEAVERS = "degradation.leavers_harm_nobody"


def gone(made, number=1, **changes):
    """A turn whose client left, and its call, which was given up."""
    turn = made.turn(number, status=None, body=None, left=True, session="gone")
    call = made.call(turn, status=None, outcome="aborted", fault="provider.slow_first_byte")
    return turn, replace(call, **changes)


def lower(made, number=2, **changes):
    """A turn that a lower level answered."""
    turn = made.turn(number)
    return replace(turn, body={**turn.body, "method": "second"}, **changes)


def test_a_circuit_that_leavers_opened_is_found(made, findings):
    """Nobody failed but those who did not wait, and the next turn was not let through to the provider."""
    assert findings(LEAVERS, made.history(*gone(made), lower(made))) == [
        "answered by second and the provider not asked, after 1 calls of clients that left"
    ]


def test_a_fault_that_only_leavers_met_explains_nothing(made, findings):
    """A slow provider, and clients that left, are what the leavers were made of."""
    fired = [FaultFired(at_s=1.0, fault=name) for name in ("provider.slow_first_byte", "client.disconnect")]
    assert len(findings(LEAVERS, made.history(*gone(made), *fired, lower(made)))) == 1


def test_who_was_asked_for_passes(made, findings):
    """The primary level answered; or it was asked, and said something that was not taken."""
    turn, unsure = made.turn(2), lower(made, 3)
    history = made.history(*gone(made), turn, made.call(turn), unsure, made.call(unsure))
    assert findings(LEAVERS, history) == []


def test_without_leavers_nothing_is_said(made, findings):
    """Why else a level is left out, other invariants ask."""
    assert findings(LEAVERS, made.history(lower(made))) == []
    long_ago = lower(made, 9)
    assert findings(LEAVERS, made.history(*gone(made), long_ago)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 500},
        {"status": None, "outcome": "aborted"},
        {"fault": "provider.slow_drip"},
    ],
)
def test_a_call_that_failed_for_somebody_who_waited_explains_it(made, findings, changes):
    """An error, a call that was given up in time, an answer that a fault shaped: a circuit may open for them."""
    waited = made.turn(1, session="b", request_id="r-waited")
    failed = made.call(waited, **changes)
    assert findings(LEAVERS, made.history(*gone(made), waited, failed, lower(made))) == []


def test_another_fault_or_an_outage_explains_it(made, findings):
    """A link that was cut and a process that was paused keep people from asking, too."""
    cut = FaultFired(at_s=1.5, fault="network.refused")
    paused = Outage(at_s=1.2, ended_s=1.4, fault="process.pause", how="paused")
    for why in (cut, paused):
        assert findings(LEAVERS, made.history(*gone(made), why, lower(made))) == []


def test_who_had_no_time_left_or_repeats_a_turn_passes(made, findings):
    """A turn that waited for half of its deadline, and one under a key, may not have needed to ask."""
    assert findings(LEAVERS, made.history(*gone(made), lower(made, ended_s=2.6))) == []
    keyed = lower(made, request_headers={"idempotency-key": "once"})
    assert findings(LEAVERS, made.history(*gone(made), keyed)) == []
