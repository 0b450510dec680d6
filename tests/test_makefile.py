"""`make run` and `make bench` do both of their parts, whatever the first says, and end as the worse of both."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHAKEOUT = """#!/bin/sh
echo "played $3"
[ "$3" = live ] && exit {live}
exit {simulated}
"""

PYTHON = """#!/bin/sh
echo "measured $(basename $1 .py)"
[ "$(basename $1 .py)" = bridge ] && exit {bridge}
exit {full_turn}
"""


def made(target: str, folder: Path, program: str, text: str) -> "subprocess.CompletedProcess[str]":
    """A target's run in an environment whose only program is this one."""
    place = folder / "bin" / program
    place.parent.mkdir()
    place.write_text(text)
    place.chmod(0o755)
    (folder / ".ready").touch()
    command = ["make", "--no-print-directory", "-C", str(ROOT), f"VENV={folder}", target]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("simulated", "live", "worse"), [(0, 0, 0), (4, 0, 4), (4, 1, 1), (1, 4, 1), (0, 3, 3), (3, 4, 3)]
)
def test_both_stages_are_played(tmp_path: Path, simulated: int, live: int, worse: int) -> None:
    """A stage that is undecided, or fails, does not keep the other from being played, nor hide behind it."""
    ran = made("run", tmp_path, "shakeout", SHAKEOUT.format(simulated=simulated, live=live))
    assert ran.stdout.splitlines() == ["played simulated", "played live"]
    assert (f"Error {worse}" in ran.stderr) == bool(worse)
    assert bool(ran.returncode) == bool(worse)


@pytest.mark.parametrize(("full_turn", "bridge", "worse"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 2)])
def test_both_benchmarks_are_measured(tmp_path: Path, full_turn: int, bridge: int, worse: int) -> None:
    """A floor that the first part has missed does not keep the second from being measured, nor hide behind it."""
    ran = made("bench", tmp_path, "python", PYTHON.format(full_turn=full_turn, bridge=bridge))
    assert ran.stdout.splitlines() == ["measured full_turn", "measured bridge"]
    assert (f"Error {worse}" in ran.stderr) == bool(worse)
    assert bool(ran.returncode) == bool(worse)
