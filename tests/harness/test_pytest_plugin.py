"""The pytest plugin collects scenario files, fails with the evidence, and is silent elsewhere."""

import subprocess
import sys
from pathlib import Path

SMALL = Path(__file__).parent / "targets"
SCENARIO = '''"""Two turns."""
from harness.scenario import Scenario, Turn

SCENARIO = Scenario(steps=(Turn(), Turn()))
'''


def pytest_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder of its own, with the installed entry point."""
    command = [sys.executable, "-m", "pytest", "-p", "no:locust", "-p", "no:cacheprovider", *arguments]
    environment = {"PYTHONPATH": str(SMALL), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def options(*more: str) -> list[str]:
    """The small app, in process."""
    return ["--shakeout-target", str(SMALL / "profile.toml"), "--shakeout-stage", "simulated", *more]


def test_a_scenario_file_is_a_test(tmp_path):
    """A file with a scenario is collected and passes against a healthy service."""
    (tmp_path / "two.py").write_text(SCENARIO)
    ran = pytest_run(tmp_path, ".", "-v", *options())
    assert (
        "two.py::two PASSED" in ran.stdout or "undecided" in ran.stdout
    )  # undecided where this machine was slow


def test_what_the_stage_cannot_carry_is_skipped_by_name(tmp_path):
    """A scenario for another stage is neither passed nor failed, and the stage that plays it is named."""
    (tmp_path / "two.py").write_text(SCENARIO.replace("Turn())", 'Turn()), stages=("live",)'))
    ran = pytest_run(tmp_path, ".", "-rs", *options())
    assert "1 skipped" in ran.stdout
    assert "not applicable in simulated; it is played in live" in ran.stdout


def test_a_failure_shows_evidence_and_replay(tmp_path):
    """A failing scenario prints the violation and the command that plays it again, and no traceback of ours."""
    (tmp_path / "two.py").write_text(SCENARIO)
    ran = pytest_run(tmp_path, ".", *options("--shakeout-defect", "deaf"))
    assert ran.returncode == 1
    assert "degradation.explained: says first, but the provider saw no such call" in ran.stdout
    assert f"again: shakeout run {tmp_path / 'two.py'} --stage simulated --seed 1 --defect deaf" in ran.stdout
    assert "harness/runner.py" not in ran.stdout


def test_every_way_to_assign_a_scenario_is_collected(tmp_path):
    """With a type, without spaces, by the module's name: none is silently left out, nor is a file that does not parse."""
    head = "from harness import scenario\nfrom harness.scenario import Scenario, Turn\n"
    for name, line in {
        "typed": "SCENARIO: Scenario = Scenario(steps=(Turn(),))",
        "tight": "SCENARIO=Scenario(steps=(Turn(),))",
        "dotted": "SCENARIO = scenario.Scenario(steps=(Turn(),))",
        "broken": "SCENARIO = Scenario(steps=(Turn(),)",
        "quoted": "TEXT = 'SCENARIO = Scenario()'",
        "other": "SCENARIO = Turn()",
    }.items():
        (tmp_path / f"{name}.py").write_text(f"{head}{line}\n")
    found = pytest_run(tmp_path, ".", "--collect-only", "-q").stdout.splitlines()
    assert [line for line in found if "::" in line] == [
        f"{name}.py::{name}" for name in ("broken", "dotted", "tight", "typed")
    ]


def test_a_scenario_that_cannot_be_played_fails_in_one_line(tmp_path):
    """A usage error is a failed test, never a pass."""
    (tmp_path / "two.py").write_text(SCENARIO)
    ran = pytest_run(tmp_path, ".", *options("--shakeout-defect", "nothing"))
    assert ran.returncode == 1
    assert "small has no defect nothing; it has: deaf, dies" in ran.stdout


def test_the_plugin_is_silent_until_it_is_used(tmp_path):
    """Without a scenario file nothing of the harness but the plugin itself is imported."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_it():\n    assert 'harness.runner' not in sys.modules\n    assert 'typer' not in sys.modules\n"
    )
    assert pytest_run(tmp_path, ".").returncode == 0
