"""Scenarios are found by name and by folder, and nothing but a scenario file is executed."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.library import discover, find

SCENARIO = "from harness.scenario import Scenario, Turn\nSCENARIO = Scenario(steps=(Turn(),))\n"


def test_a_folder_executes_scenario_files_only(tmp_path: Path) -> None:
    """Other Python files below a folder, and whatever is hidden, are left alone: `run .` stands in any project."""
    for place in ("two.py", "deep/one.py", ".venv/lib/three.py", ".hidden.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(SCENARIO)
    (tmp_path / "setup.py").write_text("raise SystemExit('SCENARIO = Scenario(): executed')\n")
    assert discover(tmp_path) == (tmp_path / "deep/one.py", tmp_path / "two.py")
    assert [scenario.name for scenario in find([str(tmp_path)])] == ["one", "two"]


def test_a_folder_without_a_scenario_is_refused(tmp_path: Path) -> None:
    """It is named, with what a scenario file is."""
    with pytest.raises(UsageError, match=f"no scenario below {tmp_path}; a scenario file assigns"):
        find([str(tmp_path)])


def test_a_broken_scenario_file_below_a_folder_is_told(tmp_path: Path) -> None:
    """A file that does not parse is no reason to play the others only."""
    (tmp_path / "broken.py").write_text(SCENARIO.replace(",))", ",)"))
    (tmp_path / "whole.py").write_text(SCENARIO)
    with pytest.raises(UsageError, match=r"broken\.py:2: "):
        find([str(tmp_path)])


def test_the_library_has_its_folders_and_names() -> None:
    """A folder of the library is as good as a path, and all of it is what no name stands for."""
    everything = {scenario.name for scenario in find([])}
    incidents = {scenario.name for scenario in find(["incidents"])}
    assert incidents
    assert incidents <= everything
    assert {scenario.name for scenario in find([min(incidents)])} == {min(incidents)}
