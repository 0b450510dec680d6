"""`make run` and `make bench` do all of their parts, whatever the others say, and end as the worst of them."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHAKEOUT = """#!/bin/sh
echo "played $2 $4"
[ "$4" = live ] && exit {live}
exit {simulated}
"""

PYTHON = """#!/bin/sh
echo "measured $(basename $1 .py)"
[ "$(basename $1 .py)" = bridge ] && exit {bridge}
[ "$(basename $1 .py)" = simulation ] && exit {simulation}
[ "$(basename $1 .py)" = parsing ] && exit {parsing}
[ "$(basename $1 .py)" = load ] && exit {load}
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
    assert ran.stdout.splitlines() == ["played incidents simulated", "played incidents live"]
    assert (f"Error {worse}" in ran.stderr) == bool(worse)
    assert bool(ran.returncode) == bool(worse)


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ((0, 0, 0, 0, 0), 0),
        ((1, 0, 0, 0, 0), 1),
        ((0, 1, 0, 0, 0), 1),
        ((2, 1, 0, 0, 0), 2),
        ((0, 0, 1, 0, 0), 1),
        ((0, 0, 0, 1, 0), 1),
        ((0, 0, 0, 0, 1), 1),
    ],
)
def test_every_benchmark_is_measured(tmp_path: Path, codes: tuple[int, ...], worst: int) -> None:
    """A floor that one part has missed does not keep the others from being measured, nor hide behind them."""
    ended = dict(zip(("full_turn", "bridge", "simulation", "parsing", "load"), codes, strict=True))
    ran = made("bench", tmp_path, "python", PYTHON.format(**ended))
    assert ran.stdout.splitlines() == [f"measured {part}" for part in ended]
    assert (f"Error {worst}" in ran.stderr) == bool(worst)
    assert bool(ran.returncode) == bool(worst)
