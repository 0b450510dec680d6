"""What a plan takes of the profile, and of what was seen of the app in a run without a fault."""

from dataclasses import replace
from typing import Any

import pytest

from harness import library
from harness.errors import UsageError
from harness.faults import LogsSlowSink, LoopBlocked, LoopCancel, ProcessWorkerDead
from harness.scenario import HEALTH, Parallel, Request
from harness.sweep.plan import check_settled, fitted, planned, settled
from harness.sweep.play import Swept
from harness.targets import profile as profiles
from harness.verdict import ScenarioVerdict, Verdict

PROFILE = replace(profiles.load(), worker="the-writer", ready="/well")


def drills() -> dict[str, Any]:
    """The drills of a sweep."""
    return {name: library.find([name])[0] for name in ("two_sessions", "streams", "crowd")}


def test_a_fault_takes_of_the_profile_what_it_leaves_to_that() -> None:
    """A knob that is empty is filled, one that is given stays, and a fault without such a knob is the same."""
    assert fitted(ProcessWorkerDead(), PROFILE, "live") == ProcessWorkerDead(
        worker="the-writer", ready="/well"
    )
    given = ProcessWorkerDead(worker="another", ready="/other")
    assert fitted(given, PROFILE, "live") == given
    assert fitted(LoopCancel(), PROFILE, "live") == LoopCancel()
    assert fitted(ProcessWorkerDead(), replace(PROFILE, ready=None), "live").ready == ""


def test_a_loop_is_blocked_for_half_of_what_the_contract_allows() -> None:
    """A service that promises little lag is blocked for less than that, and what is given stays."""
    strict = replace(PROFILE, contract=replace(PROFILE.contract, loop_lag_ms_max=100.0))
    assert fitted(LoopBlocked(), strict, "live") == LoopBlocked(for_s=0.05)
    assert fitted(LoopBlocked(for_s=0.2), strict, "live") == LoopBlocked(for_s=0.2)


def test_a_sink_is_slower_than_the_loop_may_be_late_where_another_process_reads_it() -> None:
    """Twice the lag that is allowed, live and where nobody says how slow; a loop that prints by itself is then seen."""
    strict = replace(PROFILE, contract=replace(PROFILE.contract, loop_lag_ms_max=100.0))
    assert fitted(LogsSlowSink(), strict, "live") == LogsSlowSink(delay_ms=200.0)
    assert fitted(LogsSlowSink(), strict, "simulated") == LogsSlowSink()
    assert fitted(LogsSlowSink(delay_ms=7.0), strict, "live") == LogsSlowSink(delay_ms=7.0)


@pytest.mark.parametrize("name", ["two_sessions", "streams", "crowd"])
def test_the_health_is_asked_for_while_the_fault_is_there(name: str) -> None:
    """In each drill somebody asks together with turns, between the first step and the last."""
    together = [step for step in drills()[name].steps[1:-1] if isinstance(step, Parallel)]
    assert any(Request(path=HEALTH) in step.steps for step in together)


def test_what_a_fault_takes_of_the_profile_is_no_part_of_its_label() -> None:
    """It goes by its bare name, and is played with what the profile says."""
    (trial,) = planned(PROFILE, "simulated", drills(), ["process.worker_dead"]).trials
    assert trial.label == "process.worker_dead"
    assert trial.fault == ProcessWorkerDead(worker="the-writer", ready="/well")


def test_a_service_that_always_streams_from_its_provider_has_no_whole_answer_to_double(made: Any) -> None:
    """Where each call without a fault asked for a stream, a second whole answer is not applicable; one that did not is enough."""
    plan = planned(PROFILE, "live", drills(), ["provider.extra_reply"])
    turn = made.turn()
    streamed = made.call(turn, streamed=True)
    assert settled(plan, PROFILE, [made.history(turn, streamed, made.call(turn))]).trials == plan.trials
    with pytest.raises(UsageError, match=r"provider\.extra_reply: needs provider_whole: "):
        check_settled(settled(plan, PROFILE, [made.history(turn, streamed)]))


@pytest.mark.parametrize(
    ("fault", "stage", "needs", "seen"),
    [
        ("loop.foreign", "simulated", "factory", {"from_factory": 1}),
        ("loop.limiter_full", "live", "worker_threads", {"worker_threads": 2}),
    ],
)
def test_what_was_not_seen_of_the_app_is_not_applicable(
    made: Any, fault: str, stage: str, needs: str, seen: dict[str, int]
) -> None:
    """A probe in which it was seen is enough; without any such probe the fault has nothing that it could break."""
    plan = planned(PROFILE, stage, drills(), [fault])
    there = made.history(made.probe("baseline"), made.probe("played", **seen))
    assert [trial.label for trial in settled(plan, PROFILE, [there]).trials] == [fault]
    with pytest.raises(UsageError, match=rf"nothing to play: {fault}: needs {needs}: "):
        check_settled(settled(plan, PROFILE, [made.history(made.probe("baseline"), made.probe("played"))]))


def test_a_service_that_keeps_no_connection_has_none_to_lose(made: Any) -> None:
    """Where each call says that its connection is to be closed, what breaks a kept one is not applicable; else it is played."""
    plan = planned(PROFILE, "live", drills(), ["network.slow_close"])
    turn = made.turn()
    kept = made.history(turn, made.call(turn, headers={"connection": "close"}), made.call(turn))
    assert [trial.label for trial in settled(plan, PROFILE, [kept]).trials] == ["network.slow_close"]
    with pytest.raises(UsageError, match=r"network\.slow_close: needs kept_connections: "):
        check_settled(
            settled(plan, PROFILE, [made.history(turn, made.call(turn, headers={"connection": "Close"}))])
        )


@pytest.mark.parametrize(
    ("verdict", "fired", "again"),
    [
        (Verdict.UNDECIDED, 1, True),
        (Verdict.INVALID, 0, True),
        (Verdict.INVALID, 1, False),
        (Verdict.FAILED, 0, False),
        (Verdict.PASSED, 1, False),
    ],
)
def test_what_chance_may_have_decided_is_played_again(verdict: Verdict, fired: int, again: bool) -> None:
    """A slow machine, and a fault that nothing met; a broken observation and a verdict stay as they are."""
    result = ScenarioVerdict(name="x", verdict=verdict, faults_fired={"made": fired})
    trial: Any = None
    assert Swept(trial=trial, result=result).by_chance is again


def test_a_name_whose_faults_have_nothing_to_break_is_refused_though_others_have(made: Any) -> None:
    """Also where only the drills show it: who asked would take the rest for it; and an empty name is none."""
    seen = made.history(made.call(made.turn()), contract=PROFILE.contract, arm="control")
    asked = planned(PROFILE, "simulated", drills(), ["provider.server_error", "provider.bad_score"])
    with pytest.raises(UsageError, match=r"cannot be played: provider\.bad_score: needs scores.*; leave "):
        check_settled(settled(asked, PROFILE, [seen]))
    check_settled(settled(replace(asked, names=()), PROFILE, [seen]))
    with pytest.raises(UsageError, match="a fault has an empty name; leave it out for all"):
        planned(PROFILE, "simulated", drills(), [""])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["provider.refusal", "provider.nonsense"], "no fault is called provider.nonsense"),
        (
            ["process.kill"],
            "nothing to play: process.kill: is played live: a simulated run has no process of its own",
        ),
        (
            ["provider.refusal", "process.kill"],
            (
                "cannot be played: process.kill: is played live: a simulated run has no process of its own; "
                "3 more for a like reason; leave process.kill out"
            ),
        ),
        (["provider.refusal", "store.lost_write"], "prove an oracle"),
    ],
)
def test_what_was_asked_for_by_name_and_is_not_played_is_refused(names: list[str], said: str) -> None:
    """A name that is misspelt, or that of what cannot be played here, is no reason to play the rest and pass."""
    with pytest.raises(UsageError, match=said):
        planned(PROFILE, "simulated", drills(), names)
