"""The pytest plugin: collects scenario files as tests. Silent until a scenario file is collected.

`pytest scenarios/` plays every scenario below the folder; a failure prints the violation, its evidence and the
command that plays it again. An invalid or undecided run fails its test too: it is never a pass.
"""

from pathlib import Path

import pytest

from harness.recognition import holds_a_scenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a scenario run."""
    group = parser.getgroup("shakeout", "scenarios")
    group.addoption("--shakeout-stage", default="simulated", help="simulated or live")
    group.addoption("--shakeout-seed", type=int, default=None, help="seed of every scenario; 1, or its own")
    group.addoption("--shakeout-defect", action="append", help="build the target with this mistake")
    group.addoption("--shakeout-target", default=None, help="profile, or MODULE:FACTORY of an app like it")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """Collect a Python file that assigns a scenario."""
    if file_path.suffix == ".py" and holds_a_scenario(file_path.read_bytes()):
        from harness.pytest_items import ScenarioFile  # noqa: PLC0415  # heavy: only when there is a scenario

        return ScenarioFile.from_parent(parent, path=file_path)
    return None
