"""Who was refused without a reason, and who was told of it too late."""

from dataclasses import replace

import pytest

from harness.history import Outage, Starved
from harness.registry import INVARIANTS

SERVED = "outcome.served"
AT_ONCE = "outcome.refused_at_once"


@pytest.fixture
def judged(made):
    """Makes a history of a service that promises to serve two at once."""
    contract = replace(made.header().contract, turns_in_flight_max=2)
    return lambda *records, **header: made.history(*records, contract=contract, **header)


def late(made, number, **changes):
    """A turn of a conversation of its own that is refused after 0.9 s."""
    values = {"at_s": number / 100, "ended_s": 0.9 + number / 100, "status": 503, "session": f"s{number}"}
    return made.turn(number, **{**values, **changes})


@pytest.mark.parametrize("status", [429, 503])
def test_a_turn_that_nothing_stood_against_must_be_served(made, judged, findings, status):
    """A lone turn that is refused is found, also under faults of the provider that met none of its calls."""
    turn = made.turn(status=status)
    other = made.call(made.turn(2), fault="provider.slow_first_byte")
    (message,) = findings(SERVED, judged(turn))
    assert message == f"{status} with 1 in flight at most, promised to serve 2"
    history = judged(turn, other, declared=("provider.slow_first_byte",))
    assert findings(SERVED, history) == [message]


def test_what_stands_against_a_turn_excuses_its_refusal(made, judged, findings):
    """A fault on its call, one that is not the provider's, its client, an outage: each is a reason."""
    turn = made.turn(status=503)
    shaped = made.call(turn, fault="provider.slow_first_byte")
    outage = Outage(at_s=1.05, ended_s=1.5, fault="process.terminate", how="terminated")
    assert findings(SERVED, judged(made.turn())) == []
    assert findings(SERVED, judged(turn, shaped)) == []
    assert findings(SERVED, judged(turn, declared=("store.locked",))) == []
    assert findings(SERVED, judged(replace(turn, left=True))) == []
    assert findings(SERVED, judged(replace(turn, role="beside"))) == []
    assert findings(SERVED, judged(turn, outage)) == []


def test_only_as_many_must_be_served_as_are_promised(made, judged, findings):
    """Of three at once one may be refused where two are promised, and of two in one session."""
    first, second, refused = (
        late(made, number, status=status) for number, status in ((1, 200), (2, 200), (3, 503))
    )
    assert findings(SERVED, judged(first, second, refused)) == []
    assert len(findings(SERVED, judged(first, refused))) == 1
    assert findings(SERVED, judged(first, replace(refused, session="s1"))) == []


def test_a_refusal_at_the_deadline_is_doubtful_where_a_core_was_waited_for(made, judged):
    """What was refused long before its time was over is not excused by a machine that is busy."""
    starved = Starved(at_s=0.0, ended_s=5.0, waited_s=0.2)
    for turn, doubtful in ((late(made, 1), True), (made.turn(status=503), False)):
        (finding,) = INVARIANTS.get(SERVED)(judged(turn, starved))
        assert finding.doubtful is doubtful
    (finding,) = INVARIANTS.get(SERVED)(judged(late(made, 1)))
    assert not finding.doubtful


def test_who_is_over_the_number_is_told_at_once(made, judged, findings):
    """The third of three is found where it was refused after 0.9 s, and not where it was told within 0.1 s, or served."""
    first, second = late(made, 1), late(made, 2)
    history = judged(first, second, late(made, 3))
    assert findings(AT_ONCE, history) == ["refused after 0.90 s, with 2 before it; 2 are promised"]
    soon = late(made, 3, ended_s=0.13)
    assert findings(AT_ONCE, judged(first, second, soon)) == []
    held = late(made, 3, status=200)
    assert findings(AT_ONCE, judged(first, second, held)) == []


def test_who_found_room_or_an_outage_may_wait(made, judged, findings):
    """Where one of those before was gone by then there was room; in an outage nobody can be told anything."""
    first, second, third = late(made, 1), late(made, 2), late(made, 3)
    gone = replace(first, ended_s=0.2)
    assert findings(AT_ONCE, judged(gone, second, third)) == []
    outage = Outage(at_s=0.5, ended_s=0.6, fault="process.pause", how="paused")
    assert findings(AT_ONCE, judged(first, second, third, outage)) == []
    assert findings(AT_ONCE, judged(first, second, third, harness_lag_ms_max=600.0)) == []
    starved = Starved(at_s=0.0, ended_s=5.0, waited_s=0.5)
    (finding,) = INVARIANTS.get(AT_ONCE)(judged(first, second, third, starved))
    assert finding.doubtful
