"""The matrix counts a catch only for the right reason, a miss as a miss, and an alarm without a defect as one."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.matrix import How, matrix
from harness.registry import Invariant
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles
from harness.verdict import Finding, Verdict

SMALL = Path(__file__).parent.parent / "targets"


@pytest.fixture
def options(monkeypatch, tmp_path) -> Options:
    """The small app in process, with the defect `deaf` alone in its catalogue."""
    monkeypatch.syspath_prepend(str(SMALL))
    (tmp_path / "catalogue_of_one.py").write_text(
        "from small_app import DEFECTS as ALL\nDEFECTS = {'deaf': ALL['deaf']}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    profile = replace(profiles.load(str(SMALL / "profile.toml")), defects="catalogue_of_one:DEFECTS")
    return Options(profile=profile, stage="simulated")


SIMULATED = How(stages=("simulated",))


def scenario(name: str = "two", **more) -> Scenario:
    """Two turns."""
    return Scenario(name=name, steps=(Turn(), Turn()), **more)


async def test_a_defect_that_is_caught_for_its_reason_counts(options):
    """The scenario that declares the defect fails for the invariant that the defect names."""
    result = await matrix([scenario(defects=("deaf",))], options, SIMULATED)
    (defect,) = result.defects
    assert (defect.name, defect.caught, defect.by, defect.reasons) == (
        "deaf",
        True,
        ("two",),
        ("degradation.explained",),
    )
    assert result.false_alarms == ()
    assert result.verdict in (Verdict.PASSED, Verdict.UNDECIDED)  # undecided where this machine was slow


async def test_a_defect_that_no_scenario_declares_is_missed(options, tmp_path):
    """A defect that nobody plays is a miss, and a miss fails the matrix; `full` plays it all the same."""
    (tmp_path / "catalogue_of_two_deaf.py").write_text(
        "from small_app import DEFECTS as ALL\nDEFECTS = {'deaf': ALL['deaf'], 'deafer': ALL['deaf']}\n"
    )
    options = replace(options, profile=replace(options.profile, defects="catalogue_of_two_deaf:DEFECTS"))
    result = await matrix([scenario(defects=("deaf",))], options, SIMULATED)
    assert [(defect.name, defect.caught) for defect in result.defects] == [("deaf", True), ("deafer", False)]
    assert result.verdict is Verdict.FAILED
    assert (await matrix([scenario()], options, replace(SIMULATED, full=True))).defects[0].caught


async def test_a_defect_that_fails_for_another_reason_is_missed(options, tmp_path):
    """An invariant that the defect does not name makes the scenario fail, and is no catch."""
    (tmp_path / "catalogue_of_another.py").write_text(
        "from small_app import Mistake\nDEFECTS = {'deaf': Mistake('', 'sessions.history_preserved')}\n"
    )
    profile = replace(options.profile, defects="catalogue_of_another:DEFECTS")
    result = await matrix([scenario(defects=("deaf",))], replace(options, profile=profile), SIMULATED)
    (missed,) = result.defects
    assert not missed.caught
    assert missed.others == ("degradation.explained",)


async def test_a_target_without_defects_is_refused(options):
    """Nothing can be proven by a target that has no catalogue: that is a usage error, told before anything is played."""
    bare = replace(options, profile=replace(options.profile, defects=None))
    with pytest.raises(UsageError, match="small has no defects to play; name a catalogue"):
        await matrix([scenario()], bare, replace(SIMULATED, say=pytest.fail))


async def test_an_alarm_without_a_defect_is_false(options):
    """A scenario that fails on the clean service is named, and fails the matrix."""

    def complain(history):
        yield Finding(message="always", evidence="nothing")

    nervous = Invariant(name="made.nervous", check=complain, witnesses=frozenset(), summary="")
    result = await matrix(
        [scenario(defects=("deaf",)), scenario("nervous", invariants=(nervous,))], options, SIMULATED
    )
    assert result.false_alarms == ("nervous",)
    assert result.verdict is Verdict.FAILED
