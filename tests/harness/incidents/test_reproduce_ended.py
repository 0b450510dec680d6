"""Whoever ends a search in its middle leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from interruptions import leaves_nothing

SMALL = Path(__file__).parents[1] / "targets"


@pytest.mark.parametrize("stage", ["simulated", "live"])
@pytest.mark.parametrize("begun", [1, 3])
def test_an_interrupted_search_leaves_nothing(tmp_path: Path, stage: str, begun: int) -> None:
    """Ctrl-C, while the healthy service is met and while suspects are tried, ends the target; no file is there."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    log = tmp_path / "incident.log"
    log.write_text('INFO: "POST /turn HTTP/1.1" 500 Internal Server Error\n')
    variables = {"PYTHONPATH": str(SMALL), "TMPDIR": str(place), "SMALL_READY": str(ready)}
    aimed = ["--stage", stage, "--target", str(SMALL / "profile.toml"), "--jobs", "1"]
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "harness.entry",
            "reproduce",
            str(log),
            "-o",
            str(tmp_path / "found.py"),
            *aimed,
        ],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(begun - 1):
        ready.read_text()
    leaves_nothing(run, ready, place, number=signal.SIGINT, code=130)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incident.log", "place", "ready"]
