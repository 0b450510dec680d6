"""The nine kinds of endpoint of an ASGI application, on the simulated loop."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Played = Callable[..., Any]
COUNT = 6
KINDS = runpy.run_path(str(Path(__file__).parent / "plays" / "endpoints.py"))["KINDS"]


@pytest.mark.parametrize("policy", ["fifo", "uniform", "pct"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_answers_rightly_under_each_policy(played: Played, kind: str, policy: str) -> None:
    """No kind of endpoint deadlocks, loses an answer or mixes two up, in whatever order things run."""
    outcome = played("kinds", policy, 1, COUNT)
    assert (outcome["error"], outcome["stopped"], outcome["leaked"]) == (None, None, [])
    assert outcome["value"]["got"][kind] == list(range(1, COUNT + 1))


def test_what_waits_at_once_takes_the_time_of_one(played: Played) -> None:
    """All requests sleep 50 ms side by side, in threads and on loops, and 50 virtual ms is what passes."""
    assert played("kinds", "fifo", 1, COUNT)["value"]["taken_s"] == pytest.approx(0.05)


@pytest.mark.parametrize("policy", ["fifo", "uniform", "pct"])
def test_one_seed_gives_equal_hashes_in_fresh_processes(played: Played, policy: str) -> None:
    """Schedule and observations of all kinds together are the same in three processes, two with other hash seeds."""
    outcomes = [played("kinds", policy, 1, COUNT, hash_seed=hash_seed) for hash_seed in (0, 1, 2)]
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_another_seed_gives_another_schedule(played: Played) -> None:
    """The hashes tell schedules apart."""
    first, second = played("kinds", "uniform", 1, COUNT), played("kinds", "uniform", 2, COUNT)
    assert first["hashes"][0] != second["hashes"][0]
    assert first["hashes"][1] != second["hashes"][1]
