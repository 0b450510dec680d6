"""The circuit breaker: what opens it, what closes it, and that nothing leaves it stuck."""

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from reference_app.breaker import BreakerState, CircuitBreaker, Permit


class Rig:
    """A breaker on a hand-moved clock that opens after 2 failures, for 10 s, with leases of 3 s."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changes: list[tuple[str, str]] = []
        self.breaker = CircuitBreaker(
            model="m",
            failures=2,
            open_s=10.0,
            lease_s=3.0,
            changed=lambda model, state: self.changes.append((model, state)),
            clock=lambda: self.now,
        )

    def admitted(self) -> Permit:
        permit = self.breaker.admit()
        assert permit is not None
        return permit

    def opened(self) -> "Rig":
        for _ in range(2):
            self.admitted().failed()
        return self


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    """Only failures in a row open the circuit."""
    rig = Rig()
    for _ in range(3):
        rig.admitted().failed()
        rig.admitted().succeeded()
    assert rig.breaker.state is BreakerState.CLOSED
    rig.opened()
    assert rig.breaker.state is BreakerState.OPEN
    assert rig.breaker.admit() is None


def test_a_failure_that_stays_opens_it_at_once() -> None:
    """One failure that no waiting will heal opens the circuit for a whole pause, unless it is from before a change."""
    rig = Rig()
    early = rig.admitted()
    rig.admitted().failed(opens=True)
    assert rig.breaker.state is BreakerState.OPEN
    rig.now += 10.0
    rig.admitted().succeeded()
    early.failed(opens=True)
    assert rig.breaker.state is BreakerState.CLOSED
    rig.admitted().failed(opens=True)
    rig.now += 9.9
    assert rig.breaker.admit() is None
    rig.now += 0.1
    assert rig.breaker.admit() is not None


def test_one_probe_at_a_time_and_its_success_closes() -> None:
    """After the pause exactly one call is let through, and its success lets all others follow."""
    rig = Rig().opened()
    rig.now += 10.0
    probe = rig.admitted()
    assert [rig.breaker.admit() for _ in range(50)] == [None] * 50
    probe.succeeded()
    assert rig.breaker.admit() is not None
    assert rig.changes == [("m", "open"), ("m", "half_open"), ("m", "closed")]


def test_a_failed_probe_opens_it_again_for_the_whole_pause() -> None:
    """One failure of a probe is enough, and the pause starts anew."""
    rig = Rig().opened()
    rig.now += 10.0
    rig.admitted().failed()
    rig.now += 9.9
    assert rig.breaker.admit() is None
    rig.now += 0.1
    assert rig.breaker.admit() is not None


def test_a_cancelled_probe_gives_its_lease_back() -> None:
    """A probe whose task is cancelled frees the place at once, and counts neither way."""
    rig = Rig().opened()
    rig.now += 10.0
    with pytest.raises(KeyboardInterrupt), rig.admitted():
        raise KeyboardInterrupt
    assert rig.breaker.state is BreakerState.HALF_OPEN
    assert rig.breaker.admit() is not None


def test_a_lost_probe_blocks_for_its_lease_only() -> None:
    """A probe that never reports is replaced after its lease, and its late report is ignored."""
    rig = Rig().opened()
    rig.now += 10.0
    lost = rig.admitted()
    rig.now += 2.9
    assert rig.breaker.admit() is None
    rig.now += 0.1
    second = rig.admitted()
    lost.failed()
    assert rig.breaker.state is BreakerState.HALF_OPEN
    second.succeeded()
    assert rig.breaker.state is BreakerState.CLOSED


def test_reports_from_before_the_opening_say_nothing() -> None:
    """Calls that were under way when the circuit opened neither close it nor prolong the pause."""
    rig = Rig()
    old_success, old_failure = rig.admitted(), rig.admitted()
    rig.opened()
    old_success.succeeded()
    rig.now += 5.0
    old_failure.failed()
    assert rig.breaker.state is BreakerState.OPEN
    rig.now += 5.0
    assert rig.breaker.admit() is not None


def test_a_permit_settles_once() -> None:
    """A permit that has reported is not counted again, nor released on leaving its block."""
    rig = Rig()
    with rig.admitted() as permit:
        permit.failed()
        permit.failed()
    assert rig.breaker.state is BreakerState.CLOSED


class BreakerMachine(RuleBasedStateMachine):
    """Any order of calls, reports, lost calls and passing time, against what must always hold."""

    permits = Bundle("permits")

    @initialize()
    def start(self) -> None:
        self.rig = Rig()
        self.probes: list[tuple[Permit, float]] = []

    @rule(target=permits)
    def call(self) -> Permit | None:
        before = self.rig.breaker.state
        permit = self.rig.breaker.admit()
        if permit is not None and before is not BreakerState.CLOSED:
            self.probes.append((permit, self.rig.now + 3.0))
        return permit

    @rule(permit=permits, how=st.sampled_from(["succeeded", "failed", "released"]))
    def report(self, permit: Permit | None, how: str) -> None:
        if permit is None:
            return
        self.probes = [(probe, until) for probe, until in self.probes if probe is not permit]
        if how == "released":
            with permit:
                pass
        else:
            getattr(permit, how)()

    @rule(seconds=st.sampled_from([0.0, 1.0, 3.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.rig.now += seconds

    @precondition(lambda self: self.rig.breaker.state is not BreakerState.CLOSED)
    @rule()
    def heals(self) -> None:
        self.rig.now += 10.0
        permit = self.rig.breaker.admit()
        assert permit is not None, "an open circuit must let a probe through after its pause"
        permit.succeeded()
        self.probes.clear()
        assert self.rig.breaker.state is BreakerState.CLOSED

    @invariant()
    def at_most_one_live_probe(self) -> None:
        if self.rig.breaker.state is BreakerState.HALF_OPEN:
            assert sum(until > self.rig.now for _, until in self.probes) <= 1

    @invariant()
    def changes_alternate(self) -> None:
        states = [state for _, state in self.rig.changes]
        assert all(one != other for one, other in itertools.pairwise(states))


TestBreakerMachine = BreakerMachine.TestCase
