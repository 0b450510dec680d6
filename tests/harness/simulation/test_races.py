"""Planted races: found, replayed, shrunk; and never found in their mended twins."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Played = Callable[..., Any]
RUNS = 300
POLICIES = ("fifo", "uniform", "pct")
FOUND_BY = {
    "lost_update": {"uniform", "pct"},
    "store_in_threads": {"uniform", "pct"},
    "store_under_rlock": {"uniform", "pct"},
    "answer_at_the_timeout": {"uniform", "pct"},
    "deep_order": {"pct"},
}


@pytest.mark.parametrize("race", FOUND_BY)
def test_a_race_is_found_by_the_policies_that_can_and_never_in_its_twin(played: Played, race: str) -> None:
    """The ordinary run shows none; a deep order is for PCT; with the mistake mended no order is wrong."""
    hunted = played("races", "hunt", RUNS)
    assert {policy for policy in POLICIES if hunted[policy][race][0] is not None} == FOUND_BY[race]
    assert [hunted[policy][race][1] for policy in POLICIES] == [None] * len(POLICIES)


@pytest.mark.parametrize("race", ["lost_update", "store_in_threads", "answer_at_the_timeout"])
def test_a_schedule_replays_in_another_process_without_its_policy(played: Played, race: str) -> None:
    """The deviations of a run, told to a fresh process, give the same failure and both hashes again."""
    seed = played("races", "hunt", RUNS)["uniform"][race][0]
    outcome, holds = played("races", "replay", race, seed, "[]")
    assert outcome["value"] is False
    assert holds
    assert played("races", "replay", race, seed, json.dumps(holds)) == [outcome, holds]


@pytest.mark.parametrize("race", ["lost_update", "store_in_threads", "answer_at_the_timeout"])
def test_a_schedule_shrinks_to_what_matters(played: Played, race: str) -> None:
    """Taking away deviations one after another leaves at most three, each a lane that is held at a step of its own."""
    seed = played("races", "hunt", RUNS)["uniform"][race][0]
    _, holds = played("races", "replay", race, seed, "[]")
    kept = played("races", "shrink", race, seed)
    assert 1 <= len(kept) <= min(3, len(holds))
    assert all(hold in holds for hold in kept)


def test_any_tape_is_a_schedule(played: Played) -> None:
    """An empty tape, one of zeros and one far out of range are the ordinary run; another one is not."""
    empty, zeros, outside, deviating = played("races", "tapes")
    assert empty == zeros == outside
    assert deviating[0] != empty[0]
