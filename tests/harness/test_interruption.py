"""Whatever interrupts a command, it says so, its exit code says how, and nothing that it started is left."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from interruptions import leaves_nothing

SMALL = Path(__file__).parent / "targets"
SCENARIO = '''"""Nothing happens for a long time."""
from harness.scenario import Scenario, Turn, Wait
SCENARIO = Scenario(steps=(Turn(), Wait(for_s=600.0)))
'''


@pytest.mark.parametrize("stage", ["simulated", "live"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, stage: str, number: int, code: int) -> None:
    """Ctrl-C, SIGTERM and a closed terminal in the middle of a run end the target, remove its folder, and are told in one line."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    (tmp_path / "waits.py").write_text(SCENARIO)
    command = [sys.executable, "-m", "harness.entry", "run", str(tmp_path / "waits.py"), "--stage", stage]
    variables = {"PYTHONPATH": str(SMALL), "TMPDIR": str(place), "SMALL_READY": str(ready)}
    run = subprocess.Popen(
        [*command, "--target", str(SMALL / "profile.toml")],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    leaves_nothing(run, ready, place, number=number, code=code)


@pytest.mark.parametrize("stage", ["simulated", "live"])
@pytest.mark.parametrize("begun", [1, 2])
def test_an_interrupted_sweep_leaves_nothing(tmp_path: Path, stage: str, begun: int) -> None:
    """Ctrl-C ends a sweep as it ends a run: in the drill without a fault, and in the middle of a trial."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    command = [sys.executable, "-m", "harness.entry", "sweep", "provider.refusal", "--jobs", "1"]
    variables = {"PYTHONPATH": str(SMALL), "TMPDIR": str(place), "SMALL_READY": str(ready)}
    run = subprocess.Popen(
        [*command, "--stage", stage, "--target", str(SMALL / "profile.toml")],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(begun - 1):
        ready.read_text()
    leaves_nothing(run, ready, place, number=signal.SIGINT, code=130)


@pytest.mark.parametrize("whole", [False, True])
def test_a_harness_that_is_killed_leaves_nothing(tmp_path: Path, whole: bool) -> None:
    """After SIGKILL the child of a simulated run ends, and its host, which removes the folder; or both go with their host."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    (tmp_path / "waits.py").write_text(SCENARIO.replace("600.0", "80_000.0"))
    command = [sys.executable, "-m", "harness.entry", "run", str(tmp_path / "waits.py")]
    variables = {"PYTHONPATH": str(SMALL), "TMPDIR": str(place), "SMALL_READY": str(ready)}
    run = subprocess.Popen(
        [*command, "--target", str(SMALL / "profile.toml")], env={**os.environ, **variables}
    )
    child = int(ready.read_text())
    host = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    ends = [os.pidfd_open(pid) for pid in (child, host)]
    run.kill()
    run.wait()
    if whole:
        os.kill(host, signal.SIGKILL)
    for end in ends:
        assert select.select([end], [], [], 30.0)[0], "still there"
        os.close(end)
    assert whole or list(place.iterdir()) == []


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    """Where SIGHUP is ignored, as nohup does it, a closed terminal ends nothing."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    (tmp_path / "waits.py").write_text(SCENARIO)
    command = [sys.executable, "-m", "harness.entry", "run", str(tmp_path / "waits.py"), "--stage", "live"]
    run = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command, "--target", str(SMALL / "profile.toml")],
        env={**os.environ, "PYTHONPATH": str(SMALL), "SMALL_READY": str(ready)},
        stderr=subprocess.DEVNULL,
    )
    ready.read_text()
    (ignored,) = (
        int(line.split()[1], 16)
        for line in Path(f"/proc/{run.pid}/status").read_text().splitlines()
        if line.startswith("SigIgn:")
    )
    run.send_signal(signal.SIGTERM)
    assert ignored & 1 << (signal.SIGHUP - 1)
    assert run.wait(timeout=30) == 143
