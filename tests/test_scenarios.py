"""Each scenario holds on the clean service, fails with each defect that it declares, and says the right reason."""

import asyncio
import functools

import pytest

from harness import library
from harness.runner import Options, run
from harness.scenario import Scenario
from harness.targets import profile as profiles
from harness.verdict import ScenarioVerdict, Verdict

PROFILE = profiles.load()
CATALOG = profiles.defect_catalog(PROFILE)
SCENARIOS = library.find([])
PLAN = ("bridge_blocks_loop", "conversation_level_skipped", "history_lost", "success_logged_on_500")
"""The incidents of the plan, which are played in every stage; the others in the first that can carry them."""

PLAYED = [
    (scenario, stage)
    for scenario in SCENARIOS
    for stage in (scenario.stages if scenario.name in PLAN else scenario.stages[:1])
]
CAUGHT = [(scenario, stage, defect) for scenario, stage in PLAYED for defect in scenario.defects]


def ids(value: object) -> str:
    """A scenario by its name, anything else as it is."""
    return value.name if isinstance(value, Scenario) else str(value)


@functools.cache
def played(name: str, stage: str, *defects: str) -> ScenarioVerdict:
    """Play one scenario in one stage; what two tests look at is played once."""
    (scenario,) = library.find([name])
    return asyncio.run(run(scenario, Options(profile=PROFILE, stage=stage, defects=defects)))


@pytest.mark.parametrize(("scenario", "stage"), PLAYED, ids=ids)
def test_a_scenario_holds_on_the_clean_service(scenario: Scenario, stage: str) -> None:
    """No violation, nothing untrusted, every fault fired; a slow machine may leave it undecided, never failed."""
    result = played(scenario.name, stage)
    assert not result.violations, result.violations[0]  # all of them would be compared for minutes
    assert result.verdict in (Verdict.PASSED, Verdict.UNDECIDED), result.reasons
    assert all(result.faults_fired.values())
    assert result.control == "none" if not scenario.faults else result.control in ("passed", "undecided")


@pytest.mark.parametrize(("scenario", "stage", "defect"), CAUGHT, ids=ids)
def test_a_scenario_catches_its_defect_for_the_right_reason(
    scenario: Scenario, stage: str, defect: str
) -> None:
    """With the mistake put back the scenario fails, for an invariant that the defect names."""
    result = played(scenario.name, stage, defect)
    assert result.verdict is Verdict.FAILED, result.reasons
    assert result.invariants_violated & set(CATALOG[defect].reasons)


def test_every_defect_has_a_scenario_that_declares_it() -> None:
    """A mistake that nobody plays would be one that nobody catches, and one that does not exist cannot be declared."""
    declared = {defect for scenario in SCENARIOS for defect in scenario.defects}
    assert declared == set(CATALOG)


def test_the_first_fix_is_caught_for_each_thing_that_it_does() -> None:
    """The plan's own fix blocks the loop, outlasts its timeout, loses the request id, masks a RuntimeError, and cancels nothing."""
    result = played("bridge_blocks_loop", "live", "thread_per_call_bridge")
    assert set(CATALOG["thread_per_call_bridge"].reasons) <= result.invariants_violated
    said = " ".join(violation.message + violation.evidence for violation in result.violations)
    assert "the event loop stood still for" in said
    assert "cannot be called from a running event loop" in said
    assert "not cancelled: in flight for 11." in said
