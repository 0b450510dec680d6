"""The matrix counts a catch only for the right reason, a miss as a miss, and an alarm without a defect as one."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.matrix import matrix
from harness.registry import Invariant
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles
from harness.verdict import Finding, Verdict

SMALL = Path(__file__).parent / "targets"


@pytest.fixture
def options(monkeypatch, tmp_path) -> Options:
    """The small app in process, with the defect `deaf` alone in its catalogue."""
    monkeypatch.syspath_prepend(str(SMALL))
    (tmp_path / "catalogue_of_one.py").write_text(
        "from small_app import DEFECTS as ALL\nDEFECTS = {'deaf': ALL['deaf']}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    profile = replace(profiles.load(str(SMALL / "profile.toml")), defects="catalogue_of_one:DEFECTS")
    return Options(profile=profile, stage="in_process")


def scenario(name: str = "two", **more) -> Scenario:
    """Two turns."""
    return Scenario(name=name, steps=(Turn(), Turn()), **more)


async def test_a_defect_that_is_caught_for_its_reason_counts(options):
    """The scenario that declares the defect fails for the invariant that the defect names."""
    result = await matrix([scenario(defects=("deaf",))], options)
    (defect,) = result.defects
    assert (defect.name, defect.caught, defect.by, defect.reasons) == (
        "deaf",
        True,
        ("two",),
        ("degradation.explained",),
    )
    assert result.false_alarms == ()
    assert result.verdict in (Verdict.PASSED, Verdict.UNDECIDED)  # undecided where this machine was slow


async def test_a_defect_that_no_scenario_declares_is_missed(options):
    """A defect that nobody plays is a miss, and a miss fails the matrix; `full` plays it all the same."""
    result = await matrix([scenario()], options)
    assert not result.defects[0].caught
    assert result.verdict is Verdict.FAILED
    assert (await matrix([scenario()], options, full=True)).defects[0].caught


async def test_a_defect_that_fails_for_another_reason_is_missed(options):
    """An invariant that the defect does not name makes the scenario fail, and is no catch."""

    def complain(history):
        if "deaf" in history.header.defects:
            yield Finding(message="by luck", evidence="nothing")

    lucky = Invariant(name="made.luck", check=complain, witnesses=frozenset(), summary="")
    deaf = replace(
        options.profile,
        defects="small_app:DEFECTS",
        contract=replace(options.profile.contract, primary_method=None),
    )
    result = await matrix([scenario(defects=("deaf",), invariants=(lucky,))], replace(options, profile=deaf))
    (missed,) = (defect for defect in result.defects if defect.name == "deaf")
    assert not missed.caught
    assert missed.others == ("made.luck",)


async def test_an_alarm_without_a_defect_is_false(options):
    """A scenario that fails on the clean service is named, and fails the matrix."""

    def complain(history):
        yield Finding(message="always", evidence="nothing")

    nervous = Invariant(name="made.nervous", check=complain, witnesses=frozenset(), summary="")
    result = await matrix([scenario(defects=("deaf",)), scenario("nervous", invariants=(nervous,))], options)
    assert result.false_alarms == ("nervous",)
    assert result.verdict is Verdict.FAILED
