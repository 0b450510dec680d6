"""A second server in the process, and a worker that has ended, as a sweep plays them against a service with one mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import LoopForeign
from harness.runner import Options, run
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles

PROFILE = Path(__file__).parent / "worked.toml"
STAGES = ("simulated", "live")
FOUND = [
    ("process.worker_dead", "ready_anyway", "process.worker_dead.readiness_tells"),
    ("process.worker_dead", "waits_for_ever", "outcome.answered_within_deadline"),
    ("loop.foreign", "module_lock", "outcome.expected_status"),
    ("loop.foreign", "never_starts_twice", "loop.nothing_reported"),
    ("loop.foreign", "never_ends_twice", "loop.nothing_reported"),
    ("loop.foreign", "raises_on_the_second", "loop.nothing_reported"),
]
"""The fault, the mistake that shows under it, and the invariant that says so."""


@pytest.mark.parametrize("stage", STAGES)
def test_a_service_without_a_mistake_passes(shakeout: Any, stage: str) -> None:
    """Both faults fire, and what they hold a service to can be kept."""
    code, said, _ = shakeout(
        "sweep", "process.worker_dead", "loop.foreign", "--stage", stage, "--target", str(PROFILE)
    )
    assert (code, said.count(" passed ")) == (0, 3), said


@pytest.mark.parametrize(("fault", "mistake", "invariant"), FOUND)
def test_a_mistake_is_found(shakeout: Any, tmp_path: Path, fault: str, mistake: str, invariant: str) -> None:
    """The sweep fails by the invariant that is about it."""
    place = tmp_path / "sweep.json"
    code, said, _ = shakeout(
        *("sweep", fault, "--target", str(PROFILE), "--defect", mistake, "--json", str(place))
    )
    scenarios = json.loads(place.read_text())["scenarios"]
    violated = {one["invariant"] for each in scenarios for one in each["violations"]}
    assert (code, invariant in violated) == (1, True), said


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The profile of the same service as an app that is there as soon as it is imported."""
    app = PROFILE.with_name("worked_app.py").read_text()
    (tmp_path / "worked_app.py").write_text(f"{app}\n\nAPP = create()\n")
    profile = tmp_path / "worked.toml"
    profile.write_text(PROFILE.read_text().replace("worked_app:create", "worked_app:APP"))
    return profile


@pytest.mark.parametrize("stage", STAGES)
def test_an_app_that_no_factory_builds_has_no_second_server(shakeout: Any, built: Path, stage: str) -> None:
    """The sweep says so when it has seen the app, and plays nothing else in its place.

    Where a worker that was made when the app was imported does not live in a simulation, that is told first.
    """
    code, told, said = shakeout("sweep", "loop.foreign", "--stage", stage, "--target", str(built))
    assert "loop.foreign: needs factory" in told + said
    if stage == "live" or code == 2:
        assert (code, told) == (2, "")
    else:
        assert (code, "(0 faults, 1 drills without one)" in told) == (1, True)


@pytest.mark.parametrize("stage", STAGES)
async def test_a_scenario_that_wants_a_second_server_of_such_an_app_is_refused(
    built: Path, stage: str
) -> None:
    """The message says what to name in the profile."""
    wanting = Scenario(name="wanting", steps=(Turn(),), faults=(LoopForeign(),))
    with pytest.raises(UsageError, match="name its factory as app"):
        await run(wanting, Options(profile=profiles.load(str(built)), stage=stage))
