"""A link that breaks more than once is got over each time: that is asked between its refusals, on a drill that waits."""

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.faults import NetworkFlap
from harness.faults.network_holds import recovers_in_between
from harness.history import LinkDown
from harness.registry import drill_of
from harness.steps import Wait, fitted
from harness.targets.driven import Recorder
from harness.targets.links import NotedNetwork

FLAP = "network.flap"
DOWNS = (LinkDown(at_s=1.0, ended_s=2.0, fault=FLAP), LinkDown(at_s=10.0, ended_s=11.0, fault=FLAP))


@pytest.mark.parametrize(
    ("at_s", "changes", "complaints"),
    [
        (8.0, {"status": 503}, 1),
        (8.0, {"body": {"method": "second"}}, 1),
        (8.0, {}, 0),
        (6.0, {"status": 503}, 0),
        (9.95, {"status": 503}, 0),
        (12.0, {"status": 503}, 0),
        (16.5, {"status": 503}, 1),
        (8.0, {"status": 503, "role": "golden"}, 0),
    ],
)
def test_who_is_not_well_between_two_refusals_is_found(
    made: Any, at_s: float, changes: dict[str, Any], complaints: int
) -> None:
    """Five seconds after each of them a turn is answered as promised, if it ends before the link refuses again."""
    contract = replace(made.header().contract, recovery_s_max=5.0)
    turn = made.turn(at_s=at_s, ended_s=at_s + 0.1, **changes)
    history = made.history(turn, *DOWNS, contract=contract, declared=(FLAP,))
    assert len(list(recovers_in_between(history))) == complaints
    others = made.history(turn, *DOWNS, contract=contract, declared=(FLAP, "store.slow"))
    assert not list(recovers_in_between(others))


def test_a_link_that_settles_is_whole_for_longer_than_a_service_may_take(made: Any) -> None:
    """It is played on the drill that waits, and that waits for less than it is whole and for more than is promised."""
    contract = replace(made.header().contract, recovery_s_max=7.0)
    settling = NetworkFlap(settles=True).fitted_to(contract, "live")
    (waited,) = fitted([Wait(for_s=1.0, recovery=True)], keys=True, streams=True, health=None, recovery_s=7.0)
    assert contract.recovery_s_max < waited.for_s < settling.up_s
    assert (drill_of(settling), drill_of(NetworkFlap()), drill_of(NetworkFlap)) == (
        "patient",
        *["two_sessions"] * 2,
    )
    assert NetworkFlap().fitted_to(contract, "live") == NetworkFlap()
    assert waited == Wait(for_s=8.0)


async def test_a_refusal_is_on_record_from_its_beginning_to_its_end_however_that_comes() -> None:
    """Also where mending it fails: then it was down until that."""
    now = iter([0.0, 1.0, 4.0])
    recorder = Recorder(monotonic=lambda: next(now))

    class Failing:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *error: object) -> None:
            raise InvalidRun("it cannot be mended")

    class Network:
        def refused(self, fault: str) -> Failing:
            return Failing()

    seam: Any = Network()
    with pytest.raises(InvalidRun):
        async with NotedNetwork(seam, recorder).refused(FLAP):
            pass
    assert recorder.records == [LinkDown(at_s=1.0, ended_s=4.0, fault=FLAP)]
