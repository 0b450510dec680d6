"""Plays: scripts that run simulations in a process of their own, since no hook may touch the tests' process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAYS = Path(__file__).parent / "plays"
ROOT = Path(__file__).parents[3]
Played = Callable[..., Any]


@pytest.fixture(scope="session")
def played() -> Played:
    """Run a play with some arguments, and give what it printed, which is JSON; the same call runs it once."""
    seen: dict[tuple[Any, ...], Any] = {}

    def play(name: str, *arguments: object, hash_seed: object = 0, again: int = 0) -> Any:
        key = (name, arguments, hash_seed, again)
        if key not in seen:
            seen[key] = run(name, *arguments, hash_seed=hash_seed)
        return seen[key]

    return play


def run(name: str, *arguments: object, hash_seed: object = 0) -> Any:
    """Run a play; its standard error is shown where it fails."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(PLAYS))),
    }
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-X",
            "faulthandler",
            str(PLAYS / f"{name}.py"),
            *map(str, arguments),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)
