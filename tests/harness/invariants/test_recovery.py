"""Steady state is back where golden turns are about as swift as in the control, and memory about where it was."""

from dataclasses import replace

import pytest

from harness.faults import ProviderNoReply
from harness.history import FaultFired
from harness.runner import Options, run_on
from harness.scenario import Scenario, Turn
from harness.targets.profile import load

RECOVERS = "liveness.recovers"
MEMORY = "liveness.memory_bounded"
MB = 1_000_000


def golden(made, number, took_s, session="fresh"):
    """A golden turn that takes so long, as healthy as can be."""
    return made.turn(number, role="golden", session=session, ended_s=number + took_s)


@pytest.mark.parametrize(
    ("control_ms", "took_s", "found"),
    [((20.0,), 0.25, 0), ((20.0,), 0.3, 1), ((20.0, 300.0), 0.85, 0), ((20.0, 300.0), 0.95, 1)],
)
def test_a_service_that_stays_slow_is_found(made, findings, control_ms, took_s, found):
    """Healthy answers may take three times as long as the slowest of the control, or a quarter of a second more."""
    history = made.history(golden(made, 1, took_s), golden(made, 2, took_s), control_golden_ms=control_ms)
    assert len(findings(RECOVERS, history)) == found


def test_what_is_slow_is_told_with_what_was_allowed(made, findings):
    """The message names what it took, with and without a fault, and what would have been right."""
    history = made.history(golden(made, 1, 0.3), control_golden_ms=(20.0,))
    assert findings(RECOVERS, history) == ["healthy, but slow: 300 ms, 20 ms without a fault, 270 ms allowed"]


def test_the_last_fresh_conversation_counts(made, findings):
    """It may take a while to get well; and a session of the steps may wait for what was left in it."""
    slow_first = [golden(made, 1, 0.9), golden(made, 2, 0.02)]
    assert findings(RECOVERS, made.history(*slow_first, control_golden_ms=(20.0,))) == []
    old = [made.turn(1), golden(made, 2, 0.02), golden(made, 3, 0.9, session="a")]
    assert findings(RECOVERS, made.history(*old, control_golden_ms=(20.0,))) == []
    assert findings(RECOVERS, made.history(old[0], old[2], control_golden_ms=(20.0,))) == []
    slow_last = [
        made.turn(1),
        golden(made, 2, 0.02),
        golden(made, 3, 0.9),
        golden(made, 4, 0.02, session="a"),
    ]
    assert len(findings(RECOVERS, made.history(*slow_last, control_golden_ms=(20.0,)))) == 1


def test_a_slow_machine_is_no_slow_service(made, findings):
    """How late the harness itself was is added."""
    history = made.history(golden(made, 1, 0.3), control_golden_ms=(20.0,), harness_lag_ms_max=40.0)
    assert findings(RECOVERS, history) == []


def test_without_a_control_no_time_is_held_against_it(made, findings):
    """Where nobody knows what a healthy turn takes, slow ones are not judged."""
    assert findings(RECOVERS, made.history(golden(made, 1, 0.9))) == []


@pytest.mark.parametrize(("control_s", "verdict"), [(0.02, "failed"), (0.2, "passed")])
async def test_the_runner_tells_the_faulted_run_what_its_control_took(made, control_s, verdict):
    """The same golden turn is too slow beside a swift control, and right beside one that is about as slow."""
    fault = ProviderNoReply()

    async def play(job):
        is_control = job.arm == "control"
        fired = () if is_control else (FaultFired(at_s=0.5, fault=fault.name),)
        turn = golden(made, 1, control_s if is_control else 0.4)
        declared = () if is_control else (fault.name,)
        witnesses = {"witnesses": ("wire",), "absent": ("logs", "probes", "process", "provider", "snapshots")}
        return made.history(*fired, turn, arm=job.arm, declared=declared, **witnesses)

    scenario = Scenario(name="made", steps=(Turn(),), faults=(fault,))
    found = await run_on(play, scenario, Options(profile=load(), stage="live"))
    assert str(found.verdict) == verdict, found


def probed(made, base_mb, quiet_mb, most_mb):
    """A history in which the target held so much at the baseline and at the end."""
    probes = [
        made.probe(phase, memory_bytes=int(mb * MB))
        for phase, mb in (("baseline", base_mb), ("quiet", quiet_mb))
    ]
    contract = replace(made.header().contract, memory_growth_mb_max=most_mb)
    return made.history(made.turn(), *probes, contract=contract)


def test_memory_that_is_kept_is_found(made, findings):
    """Beyond what it may have grown by it is found, with both numbers."""
    assert findings(MEMORY, probed(made, 80, 279, 200.0)) == []
    assert findings(MEMORY, probed(made, 80, 290, 200.0)) == ["grown by 210 MB, 200 MB allowed"]


@pytest.mark.parametrize(("base_mb", "quiet_mb"), [(0, 900), (80, 0), (0, 0)])
def test_memory_that_was_not_read_is_not_judged(made, findings, base_mb, quiet_mb):
    """Where one of the two numbers is missing there is nothing to compare."""
    assert findings(MEMORY, probed(made, base_mb, quiet_mb, 200.0)) == []


def test_memory_is_asked_of_those_who_promise_it():
    """The promise is one of the contract, and the system testifies."""
    from harness.registry import INVARIANTS  # noqa: PLC0415  # kept from the import of every other test

    assert INVARIANTS.get(MEMORY).promises == ("memory_growth_mb_max",)
    assert INVARIANTS.get(MEMORY).witnesses == {"process", "wire"}
