"""`make run` plays both stages, whatever the first says, and ends as the worse of both."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHAKEOUT = """#!/bin/sh
echo "played $3"
[ "$3" = live ] && exit {live}
exit {in_process}
"""


@pytest.mark.parametrize(
    ("in_process", "live", "worse"), [(0, 0, 0), (4, 0, 4), (4, 1, 1), (1, 4, 1), (0, 3, 3), (3, 4, 3)]
)
def test_both_stages_are_played(tmp_path: Path, in_process: int, live: int, worse: int) -> None:
    """A stage that is undecided, or fails, does not keep the other from being played, nor hide behind it."""
    program = tmp_path / "bin" / "shakeout"
    program.parent.mkdir()
    program.write_text(SHAKEOUT.format(in_process=in_process, live=live))
    program.chmod(0o755)
    (tmp_path / ".ready").touch()
    command = ["make", "--no-print-directory", "-C", str(ROOT), f"VENV={tmp_path}", "run"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.splitlines() == ["played in_process", "played live"]
    assert (f"Error {worse}" in ran.stderr) == bool(worse)
    assert bool(ran.returncode) == bool(worse)
