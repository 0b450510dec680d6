"""Services that know nothing of the harness: from the log of a flawed one, and its profile, a scenario that fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness import library
from harness.runner import Options, opened, played
from harness.scenario import load
from harness.sweep import armed, planned
from harness.targets import profile as profiles

HERE = Path(__file__).parent

FLAWED = [
    ("shop", "key_error", "provider.schema_misfit(form='empty_choices')", "outcome.status_in_contract"),
    ("shop", "one_history", "provider.refusal", "sessions.history_preserved"),
    ("teller", "session_leak", "provider.refusal", "liveness.quiescent"),
    ("helpdesk", "eager_retries", "provider.server_error", "degradation.retry_budget_total"),
    ("helpdesk", "empty_is_fine", "provider.empty_answer", "provider.no_empty_answer"),
    ("helpdesk", "slot_leak", "provider.server_error", "liveness.recovers"),
]
"""The service, its mistake, the fault under which it wrote its log, and the invariant that the found scenario breaks."""


async def log_of(service: str, fault: str) -> str:
    """What the service logs, live, under the fault."""
    profile = profiles.load(str(HERE / service / "profile.toml"))
    drills = {drill.name: drill for drill in library.find(["drills"])}
    (trial,) = planned(profile, "live", drills, [fault]).trials[:1]
    options = Options(profile=profile, stage="live", seed=7)
    async with opened(options) as play:
        arm = await played(play, armed(trial), options, arm="faulted")
    return "".join(f"{record.text}\n" for record in arm.history.logs)


@pytest.fixture
async def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The log of the flawed service, in a folder of its own."""
    service, flaw, fault, _ = request.param
    monkeypatch.setenv("FLAWS", flaw)
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "incident.log"
    place.write_text(await log_of(service, fault))
    return place


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("log", "flawed"),
    [pytest.param(each, each, id=f"{each[0]}-{each[1]}") for each in FLAWED],
    indirect=["log"],
)
def test_the_log_of_a_flawed_service_becomes_a_scenario_that_fails_only_with_the_flaw(
    shakeout: Any, log: Path, monkeypatch: pytest.MonkeyPatch, flawed: tuple[str, str, str, str]
) -> None:
    """With nothing but the log and the profile: the file fails for the right reason, and passes with the mended twin."""
    service, _, _, invariant = flawed
    target = ("--target", str(HERE / service / "profile.toml"))
    searched = ("reproduce", str(log), *target, "-o", "found.py", "--json", "told.json", "--for", "10m")
    code, said, _ = shakeout(*searched)
    assert code == 0, said
    told = json.loads(Path("told.json").read_text())
    assert (told["verdict"], told["invariant"]) == ("reproduced", invariant)
    stage = load(Path("found.py")).stages[0]
    assert shakeout("run", "found.py", "--stage", stage, *target)[0] == 1
    monkeypatch.setenv("FLAWS", "")
    assert shakeout("run", "found.py", "--stage", stage, *target)[0] == 0
