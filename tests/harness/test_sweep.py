"""A sweep plays what the target can be put under, says what it cannot, and judges each against one control."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.registry import FAULTS
from harness.rig import Rig, Window
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.sweep import armed, controls, labelled, planned, swept
from harness.targets import profile as profiles
from harness.variants import chosen, variants
from harness.verdict import Verdict

PROFILE = profiles.load()
DRILLS = {
    name: Scenario(name=name, steps=(Turn(), Turn(), Turn())) for name in ("two_sessions", "crowd", "streams")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A fault with a choice, which nothing registers."""

    name: ClassVar[str] = "test.chosen"
    window: Window = ALWAYS
    form: str = chosen("plain", "fancy")
    size_bytes: int = 7

    @asynccontextmanager
    async def inject(self, rig: Rig):
        """Do nothing."""
        yield


def names(stage: str, *wanted: str) -> set[str]:
    """The names of the faults that are planned."""
    return {trial.fault.name for trial in planned(PROFILE, stage, DRILLS, wanted).trials}


def test_a_fault_is_named_by_its_name_its_plane_or_its_label():
    """Each of the three chooses it, and nothing else; none chooses all that the stage carries."""
    assert names("simulated", "provider.server_error") == {"provider.server_error"}
    assert names("simulated", "provider") == {
        name for name in names("simulated") if name.startswith("provider.")
    }
    (only,) = planned(PROFILE, "simulated", DRILLS, ["provider.malformed_json(form='html')"]).trials
    assert only.label == "provider.malformed_json(form='html')"


def test_a_fault_that_is_not_there_is_a_usage_error():
    """A name of no fault is refused, with where to look."""
    with pytest.raises(UsageError, match="shakeout list faults"):
        planned(PROFILE, "simulated", DRILLS, ["provider.nonsense"])


def test_what_has_nothing_to_break_is_not_applicable_and_says_why():
    """Without a provider its faults are listed with the reason; where nothing is left, that is no pass but an error."""
    without = replace(PROFILE, provider_variable="")
    plan = planned(without, "simulated", DRILLS, [])
    assert "provider.server_error" not in {trial.fault.name for trial in plan.trials}
    assert plan.not_applicable["provider.server_error"].startswith("needs provider: ")
    with pytest.raises(UsageError, match="needs provider"):
        planned(without, "simulated", DRILLS, ["provider.server_error"])


def test_what_the_stage_cannot_carry_is_not_applicable():
    """A fault that is played live only is listed as that in a simulated sweep."""
    live_only = {name for name, kind in FAULTS.items() if kind.stages == ("live",)}
    plan = planned(PROFILE, "simulated", DRILLS, [])
    assert live_only <= set(plan.not_applicable)
    assert all("is played live" in plan.not_applicable[name] for name in live_only)


def test_a_label_names_the_knobs_that_are_not_their_defaults():
    """Two variants of a fault have two labels, the default one its bare name."""
    assert [labelled(one) for one in variants(Chosen)] == ["test.chosen", "test.chosen(form='fancy')"]


def test_every_registered_fault_has_a_drill_and_variants_with_labels_of_their_own():
    """No two trials of a sweep go by one label, so that each can be played again."""
    for stage in ("simulated", "live"):
        labels = [trial.label for trial in planned(PROFILE, stage, DRILLS, []).trials]
        assert len(labels) == len(set(labels))


def test_a_fault_stands_between_the_first_and_the_last_step():
    """It is armed after the conversations are open, and healed before the step that shows whether all is well."""
    (trial,) = planned(PROFILE, "simulated", DRILLS, ["provider.refusal"]).trials
    (fault,) = armed(trial).faults
    assert (fault.window.from_step, fault.window.until_step) == (1, 1)


async def test_one_control_stands_for_all_trials_of_a_drill():
    """A drill is played once without a fault, however many faults are then played on it."""
    from harness.runner import opened  # noqa: PLC0415  # it starts a child: only here

    options = Options(profile=PROFILE, seed=1)
    plan = planned(PROFILE, "simulated", DRILLS, ["provider.refusal", "provider.content_filter"])
    arms = []
    async with opened(options) as play:

        async def counted(job):
            arms.append(job.arm)
            return await play(job)

        held = [arm async for _, arm, _ in controls(counted, plan, options)]
        results = [await swept(counted, trial, options, held[0]) for trial in plan.trials]
    assert arms == ["control", "faulted", "faulted"]
    assert [one.result.verdict for one in results] == [Verdict.PASSED, Verdict.PASSED]
    assert all(one.result.control == "passed" and one.fired for one in results)


def test_a_sweep_finds_a_mistake_and_names_what_found_it(shakeout, tmp_path):
    """A target that logs success with a 500 fails, exit 1, and the document lists the faults with their firings."""
    place = tmp_path / "sweep.json"
    code, said, _ = shakeout(
        "sweep", "provider.refusal", "--defect", "success_logged_on_500", "--json", str(place)
    )
    document = json.loads(place.read_text())
    assert (code, document["kind"], document["verdict"]) == (1, "sweep", "failed")
    (fault,) = document["faults"]
    assert fault["name"] == "provider.refusal"
    assert fault["stage"] == "simulated"
    assert set(fault) >= {"fired", "verdict"}
    assert "logs.agree_with_wire" in {
        v["invariant"] for one in document["scenarios"] for v in one["violations"]
    }
    assert "logs.agree_with_wire" in said


def test_a_sweep_that_finds_nothing_passes(shakeout, tmp_path):
    """The healthy app passes, exit 0, and each fault has fired."""
    place = tmp_path / "sweep.json"
    code, _, _ = shakeout(
        "sweep", "provider.refusal", "provider.server_error", "--json", str(place), "--quiet"
    )
    document = json.loads(place.read_text())
    assert (code, document["verdict"]) == (0, "passed")
    assert all(fault["fired"] > 0 for fault in document["faults"])
    assert "--stage simulated" in document["replay"]
