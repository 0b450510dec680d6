"""What is late on a machine that had no core for it is a doubt, and no finding; what is later than that explains is one."""

from dataclasses import replace
from typing import Any

import pytest

from harness.faults.clock_unit import deadline_read
from harness.history import History, Starved
from harness.judge import judge
from harness.registry import INVARIANTS, Invariant
from harness.verdict import Verdict


@pytest.fixture
def made(unlogged):
    """Nothing is missed in these logs, which are empty."""
    return unlogged


def late_answer(made: Any) -> History:
    """An answer a second too late."""
    return made.history(made.turn(ended_s=1.0 + 2.1))


def late_loop(made: Any) -> History:
    """A loop that stood still a second too long."""
    return made.history(made.turn(), made.probe("played", at_s=4.0, loop_lag_ms_max=1100.0))


def late_cancel(made: Any) -> History:
    """A call that went on a second past the deadline, and as long as its turn."""
    turn = made.turn(ended_s=3.1)
    return made.history(turn, made.call(turn, at_s=1.0, ended_s=3.1))


def late_release(made: Any) -> History:
    """A call that went on after its answer, a second longer than it may."""
    turn = made.turn()
    return made.history(turn, made.call(turn, at_s=1.9, ended_s=turn.ended_s + 1.5))


def late_recovery(made: Any) -> History:
    """Healthy again a second too late."""
    sick = made.turn(1, role="golden", status=503, at_s=1.0)
    golden = made.turn(2, role="golden", at_s=2.0 + made.header().contract.recovery_s_max, ended_s=9.0)
    return made.history(sick, golden)


def late_golden(made: Any) -> History:
    """A golden turn a second slower than those of the control explain."""
    golden = made.turn(1, role="golden", ended_s=1.0 + 1.35)
    return made.history(golden, control_golden_ms=(100.0,))


def late_deadline(made: Any) -> History:
    """A turn with a silent provider that took a second longer than its own deadline allows."""
    turn = made.turn(ended_s=1.0 + 1.65)
    return made.history(turn, made.call(turn, fault="clock.unit"))


CASES = [
    ("outcome.answered_within_deadline", late_answer),
    ("liveness.loop_responsive", late_loop),
    ("liveness.provider_call_released", late_cancel),
    ("liveness.provider_call_released", late_release),
    ("liveness.recovers", late_recovery),
    ("liveness.recovers", late_golden),
    (deadline_read("clock.unit", 0.5), late_deadline),
]


@pytest.mark.parametrize(("name", "late"), CASES)
def test_a_busy_machine_makes_a_doubt_of_what_is_late(made, name, late):
    """With a wait for a core as long as it was late nobody is accused and nothing passes; with a shorter one it fails."""
    invariant = name if isinstance(name, Invariant) else INVARIANTS.get(name)
    history = late(made)

    def judged(waited_s: float, at_s: float = 0.0) -> Any:
        waited = Starved(at_s=at_s, ended_s=at_s + 50.0, waited_s=waited_s)
        return judge(made.history(*history.records, waited, control_golden_ms=golden_ms), [invariant])

    golden_ms = history.header.control_golden_ms
    assert judge(history, [invariant]).verdict is Verdict.FAILED
    assert judged(0.5).verdict is Verdict.FAILED
    assert judged(1.5, at_s=50.0).verdict is Verdict.FAILED  # that was after it
    doubted = judged(1.5)
    assert doubted.verdict is Verdict.UNDECIDED
    assert doubted.doubts[0].startswith(f"the machine was too busy to say: {invariant.name}: ")


def test_what_was_in_time_is_no_doubt(made):
    """A busy machine on which everything was in time passes."""
    history = made.history(made.turn(), Starved(at_s=0.0, ended_s=9.0, waited_s=5.0))
    assert judge(history, [INVARIANTS.get("outcome.answered_within_deadline")]).verdict is Verdict.PASSED


def test_who_had_no_core_may_fall_back(made):
    """A turn that waited for a core for a quarter of its deadline may be answered by a lower level; with less it may not."""
    explained = INVARIANTS.get("degradation.explained")
    turn = made.turn(ended_s=1.9)
    fallen = replace(turn, body={**turn.body, "method": "second"})
    for waited_s, wanted in ((0.2, Verdict.FAILED), (0.3, Verdict.UNDECIDED)):
        waited = Starved(at_s=1.0, ended_s=1.5, waited_s=waited_s)
        assert judge(made.history(fallen, made.call(fallen), waited), [explained]).verdict is wanted
