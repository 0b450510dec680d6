"""A deadline that is read in another unit is found, and one that is read in seconds passes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from client_bench import SwiftClock

from harness.errors import UsageError
from harness.faults import ClockUnit
from harness.rig import Call, Reply, Rig, Window
from harness.scenario import Scenario, Turn

CALL = Call(ordinal=1, level="conversation", request_id=None, headers={}, body={})
REPLY = Reply()


class Seams:
    """The processes and the provider of a run, which note what is asked of them."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.rule: Any = None

    @asynccontextmanager
    async def hurried(self, fault: str, share: float) -> AsyncIterator[float]:
        self.notes.append(f"{fault} hurried {share:g}")
        yield 0.9
        self.notes.append("in its own time")

    @asynccontextmanager
    async def wrapped(
        self, fault: str, rule: Any, window: Window, *, on_wire: bool = False
    ) -> AsyncIterator[None]:
        self.rule = rule
        yield
        self.notes.append("no longer silent")


async def honest(call: Call) -> Reply:
    return REPLY


async def test_it_starts_the_service_with_less_time_and_silences_its_provider() -> None:
    """The provider is silent for three deadlines, and then honest; the service has its own time again last of all."""
    seams: Any = Seams()
    nobody: Any = None
    clock = SwiftClock()
    rig = Rig(provider=seams, network=nobody, clock=clock, instances=seams)
    async with ClockUnit(share=0.4).inject(rig):
        assert seams.notes == ["clock.unit hurried 0.4"]
        assert await seams.rule(CALL, honest) is REPLY
        assert clock.now == pytest.approx(2.7)
    assert seams.notes[1:] == ["no longer silent", "in its own time"]


async def test_where_no_process_can_be_started_it_is_refused() -> None:
    """A run whose service is not the harness's to start is told so, and so is a stage."""
    nobody: Any = None
    fault = ClockUnit()
    with pytest.raises(UsageError, match=r"clock\.unit starts a process of the service: play it live"):
        async with fault.inject(Rig(provider=nobody, network=nobody, clock=SwiftClock())):
            raise AssertionError
    with pytest.raises(UsageError, match="cannot be played simulated"):
        Scenario(steps=(Turn(),), faults=(fault,), stages=("simulated",))


@pytest.mark.parametrize("knobs", [{"share": 0.0}, {"share": 1.5}, {"window": Window(first_n=1)}])
def test_a_share_is_a_part_and_a_service_is_started_for_all(knobs: dict[str, Any]) -> None:
    """No more than all of its deadline, since it promised that; and no window of calls."""
    with pytest.raises(UsageError, match=r"share=|takes all or nothing"):
        ClockUnit(**knobs)


TOOK = [
    (0.0009, 1),
    (0.09, 1),
    (0.11, 0),
    (0.95, 0),
    (1.29, 0),
    (1.31, 1),
    (30.0, 1),
]
"""Seconds that a turn took with a deadline of one second, and how many findings that is."""


@pytest.mark.parametrize(("took_s", "findings"), TOOK)
@pytest.mark.parametrize("request_ids", [True, False])
def test_whoever_reads_another_unit_is_found(
    made: Any, took_s: float, findings: int, request_ids: bool
) -> None:
    """Of a deadline of a second, a thousandth and a thousandfold are found, and what a fallback may take is not."""
    (oracle,) = ClockUnit(share=1.0 / made.header().contract.deadline_s).holds
    turn = made.turn(1, ended_s=1.0 + took_s)
    call = made.call(turn, at_s=1.0, fault="clock.unit#2", **({} if request_ids else {"request_id": None}))
    assert len(list(oracle(made.history(turn, call)))) == findings


@pytest.mark.parametrize("changed", [{"fault": None}, {"fault": "provider.no_reply"}])
def test_a_turn_that_the_provider_answered_is_not_judged(made: Any, changed: dict[str, Any]) -> None:
    """Where the provider was not silent, or nobody asked it, a swift answer is a good one."""
    (oracle,) = ClockUnit().holds
    turn = made.turn(1, ended_s=1.001)
    assert list(oracle(made.history(turn, made.call(turn, at_s=1.0, **changed)))) == []
    assert list(oracle(made.history(turn))) == []


def test_the_harness_own_lag_is_not_the_services(made: Any) -> None:
    """What the harness was late itself is no time of the service; and a client that left has not seen the end."""
    share = 1.0 / made.header().contract.deadline_s
    (oracle,) = ClockUnit(share=share).holds
    turn = made.turn(1, ended_s=2.5)
    call = made.call(turn, at_s=1.0, fault="clock.unit")
    assert len(list(oracle(made.history(turn, call)))) == 1
    assert list(oracle(made.history(turn, call, harness_lag_ms_max=300.0))) == []
    assert list(oracle(made.history(made.turn(1, ended_s=2.5, left=True), call))) == []
