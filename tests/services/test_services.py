"""Three services that know nothing of the harness: their mistakes are found with a profile and no code."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import library
from harness.faults import ProviderHeadersOnly, ProviderNoReply
from harness.faults.base import ONCE
from harness.rig import Fault
from harness.runner import Options
from harness.sweep import Effort, Plan, Sweep, Trial, sweep
from harness.targets import profile as profiles
from harness.verdict import Verdict

HERE = Path(__file__).parent
SERVICES = ("shop", "teller", "helpdesk")
LINES_MAX = 10

FOUND = [
    (
        "shop",
        "live",
        "key_error",
        "provider.schema_misfit(form='empty_choices')",
        "outcome.status_in_contract",
    ),
    ("shop", "live", "one_history", "provider.refusal", "sessions.history_preserved"),
    ("teller", "live", "eof_is_done", "provider.stream_cut", "provider.stream_cut.never_whole"),
    ("teller", "live", "session_leak", "provider.refusal", "liveness.quiescent"),
    ("helpdesk", "simulated", "eager_retries", "provider.server_error", "degradation.retry_budget_total"),
    ("helpdesk", "simulated", "empty_is_fine", "provider.empty_answer", "provider.no_empty_answer"),
    ("helpdesk", "simulated", "slot_leak", "provider.server_error", "liveness.recovers"),
]
"""The service, the stage, its mistake, the fault under which it shows, and the invariant that says so."""

HANGING: list[tuple[str, str, Fault]] = [
    ("shop", "no_timeout", ProviderNoReply(for_s=12.0, window=ONCE)),
    ("teller", "no_total", ProviderHeadersOnly(for_s=12.0, window=ONCE)),
]


def profile_of(service: str) -> Path:
    return HERE / service / "profile.toml"


@pytest.mark.parametrize("service", SERVICES)
def test_a_profile_has_ten_lines_at_most(service: str) -> None:
    """That is what its owner has to write; and it can be read."""
    text = profile_of(service).read_text()
    assert len(text.splitlines()) <= LINES_MAX
    assert tomllib.loads(text)["turn"]


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found[0]}-{found[1]}-{found[2]}")
def test_a_mistake_is_found_and_its_mended_twin_passes(
    shakeout: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[str, str, str, str, str],
) -> None:
    """With the mistake the sweep fails by the invariant that is about it; without, under the same fault, it passes."""
    service, stage, flaw, fault, invariant = found
    place = tmp_path / "sweep.json"
    command = ("sweep", fault, "--stage", stage, "--target", str(profile_of(service)), "--json", str(place))
    monkeypatch.setenv("FLAWS", flaw)
    code, said, _ = shakeout(*command)
    violated = {
        one["invariant"] for each in json.loads(place.read_text())["scenarios"] for one in each["violations"]
    }
    assert (code, invariant in violated) == (1, True), said
    monkeypatch.setenv("FLAWS", "")
    code, said, _ = shakeout(*command)
    assert code == 0, said


async def swept(service: str, fault: Fault) -> Sweep:
    """One fault that its own knobs make faster than a sweep's, on the drill that fits it."""
    profile = profiles.load(str(profile_of(service)))
    (drill,) = library.find(["streams" if profile.turn.stream == "always" else "two_sessions"])
    trial = Trial(label=fault.name, fault=fault, drill=drill)
    options = Options(profile=profile, stage="live", seed=1)
    return await sweep(Plan(trials=(trial,), not_applicable={}), options, Effort(jobs=1))


@pytest.mark.parametrize(("service", "flaw", "fault"), HANGING)
async def test_a_service_that_waits_for_ever_is_found_and_its_mended_twin_passes(
    monkeypatch: pytest.MonkeyPatch, service: str, flaw: str, fault: Fault
) -> None:
    """A provider that is silent for longer than anybody waits shows who has no bound of his own."""
    monkeypatch.setenv("FLAWS", flaw)
    (one,) = (await swept(service, fault)).results
    assert one.result.verdict is Verdict.FAILED
    assert "outcome.answered_within_deadline" in one.result.invariants_violated
    monkeypatch.setenv("FLAWS", "")
    (one,) = (await swept(service, replace(fault))).results
    assert one.result.verdict is Verdict.PASSED, one.result


@pytest.mark.parametrize("service", SERVICES)
def test_a_check_of_the_profile_finds_all_its_parts(shakeout: Any, service: str) -> None:
    """One conversation shows that a turn is answered, by whom, where its log is, and what the profile leaves out."""
    code, said, _ = shakeout("profile", "check", "--target", str(profile_of(service)))
    assert code == 0
    for part in ("turn", "provider", "history", "log", "health"):
        assert f"{part} " in said
    assert re.search("health +yes", said)
