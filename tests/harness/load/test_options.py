"""Options are held to what there is before anything is started."""

from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults.provider import ProviderServerError
from harness.gates import parse
from harness.load.options import REQUESTS, LoadOptions
from harness.load.phases import Phase
from harness.scenario import Scenario, Turn

STEADY = (Phase(name="steady", for_s=5, rate_per_s=10),)
SCENARIO = Scenario(name="drill", steps=(Turn(),))


@pytest.mark.parametrize(("wrong", "remedy"), [
    ({"requests": 0}, "at least 1"),
    ({"requests": -5}, "at least 1"),
    ({"for_s": 0.0}, "at least 1 s"),
    ({"for_s": float("nan")}, "at least 1 s"),
    ({"for_s": float("inf")}, "at least 1 s"),
    ({"until_decided": True, "max_s": 0.5}, "at least 1 s"),
    ({"requests": 10, "for_s": 10.0}, "give one of"),
    ({"until_decided": True, "for_s": 10.0}, "give one of"),
    ({"phases": STEADY, "for_s": 10.0}, "give one of"),
    ({"phases": STEADY * 2}, "two phases are called steady"),
    ({"rate_per_s": 0.0}, "more than 0"),
    ({"rate_per_s": -1.0}, "more than 0"),
    ({"rate_per_s": 1e9}, "at most 20000"),
    ({"arrivals": "uniform"}, "poisson, constant"),
    ({"users": 0}, "at least 1"),
    ({"users": 10_000}, "at most 1,000"),
    ({"users": 1, "workers": 2}, "needs one at least"),
    ({"users": 5, "rate_per_s": 5.0}, "one of the two"),
    ({"users": 5, "phases": STEADY}, "one of the two"),
    ({"workers": 0}, "at least 1"),
    ({"workers": 65}, "at most 64"),
    ({"seed": -1}, "at least 0"),
    ({"seed": 2**63}, "at most 9223372036854775807"),
    ({"scenario": SCENARIO}, "say what is, such as"),
    ({"scenario": SCENARIO, "users": 3, "gates": (parse("error_rate < 1%"),)}, "give --rate"),
    ({"without_log": True, "gates": (parse('log("x") == 0'),)}, "leaves no gate"),
    ({"defects": ("no_such_defect",)}, "has no defect no_such_defect"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_its_remedy(wrong: dict[str, Any], remedy: str) -> None:
    """Each value out of range, and what does not go together, is a usage error that says what would be right."""
    with pytest.raises(UsageError, match=remedy):
        LoadOptions(**wrong)


def test_a_run_has_one_end() -> None:
    """Without any it ends after enough requests for a pass; with another, nothing counts requests."""
    assert LoadOptions().requests_planned == REQUESTS
    assert LoadOptions(requests=5).requests_planned == 5
    assert LoadOptions(for_s=5).requests_planned is None
    assert LoadOptions(until_decided=True).requests_planned is None
    assert LoadOptions(phases=STEADY).requests_planned is None


def test_the_number_of_requests_ends_a_run_and_not_its_time() -> None:
    """The one phase is so long that drawn requests are not fewer by chance."""
    (phase,) = LoadOptions(requests=3_000, rate_per_s=50).planned
    assert phase.due > 3_000 + 9 * 3_000**0.5


def test_a_fault_has_its_phase_in_the_middle() -> None:
    """A run under the faults of a scenario is in three parts, of equal length."""
    options = LoadOptions(scenario=SCENARIO, for_s=30, gates=(parse("error_rate @phase=after < 1%"),))
    assert [(phase.name, phase.for_s) for phase in options.planned] == [
        ("before", 10), ("during", 10), ("after", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(("options", "replay"), [
    (
        {"requests": 5, "users": 3, "seed": 9, "target": "my profile.toml"},
        "shakeout load --seed 9 --requests 5 --users 3 --target 'my profile.toml'",
    ),
    ({"for_s": 60}, "shakeout load --seed 0 --for 60s --rate 50"),
    (
        {"until_decided": True, "gates": (parse("p99 < 2s"),), "workers": 2, "rate_per_s": 5, "arrivals": "constant"},
        "shakeout load --seed 0 --until-decided --max 600s --rate 5 --arrivals constant --workers 2 --gate 'p99 < 2s'",
    ),
    ({"phases": STEADY, "streams": True}, "shakeout load --seed 0 --phase 'steady 5s 10/s' --streams"),
])  # fmt: skip
def test_the_replay_runs_the_same_again(options: dict[str, Any], replay: str) -> None:
    """The command carries all that was chosen, quoted for a shell."""
    assert LoadOptions(**options).replay == replay


@pytest.mark.parametrize("written", ["ramp 30s 5..50/s", "steady 1.5s 10/s"])
def test_a_phase_is_read_as_it_is_written(written: str) -> None:
    """Name, time, and a rate that stays or goes to another."""
    assert str(Phase.of(written)) == written
    assert Phase.of("long 2m 1/s").for_s == 120


@pytest.mark.parametrize(
    "wrong", ["ramp", "ramp 30 5/s", "ramp 30s 5", "ramp 30s 5..x/s", "ramp 30s -5/s", ""]
)
def test_a_phase_that_is_written_otherwise_is_refused(wrong: str) -> None:
    """One line that shows how it is written."""
    with pytest.raises(UsageError, match="it is written NAME TIME RATE"):
        Phase.of(wrong)


def test_under_a_fault_the_requests_are_shared_by_the_phases() -> None:
    """A third is due before it, a third under it and a third after it, and no margin of drawn arrivals makes them unequal."""
    scenario = Scenario(name="down", steps=(Turn(),), faults=(ProviderServerError(),))
    options = LoadOptions(requests=300, rate_per_s=10, scenario=scenario, gates=(parse("error_rate < 90%"),))
    assert [(phase.name, phase.due) for phase in options.planned] == [
        ("before", 100),
        ("during", 100),
        ("after", 100),
    ]
    assert options.requests_planned is None
    assert "--requests 300" in options.replay
    assert options.model == "poisson arrivals at 10/s, under down"
