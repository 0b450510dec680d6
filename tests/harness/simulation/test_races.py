"""Planted races: found within a budget of runs, replayed, shrunk; and never found in their mended twins."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Played = Callable[..., Any]
BASE = 0
TASKS = {
    "lost_update": ("broken", 300),
    "deep_order": ("broken", 150),
    "pool_grown_too_far": ("broken", 300),
    "reordered_turns": ("broken", 60),
    "answered_twice": ("InvalidStateError", 300),
    "stale_cache_fill": ("broken", 300),
    "joined_during_a_broadcast": ("RuntimeError", 300),
    "drained_too_early": ("broken", 300),
    "slot_lost_at_cancellation": ("Deadlock", 300),
    "locks_in_two_orders": ("Deadlock", 300),
    "pulse_before_the_wait": ("Deadlock", 60),
    "lock_over_an_await": ("broken", 150),
    "cancelled_after_commit": ("broken", 300),
    "left_after_the_last_token": ("broken", 150),
    "user_on_a_shared_object": ("broken", 300),
}
THREADS = {
    "store_in_threads": ("broken", 150),
    "store_under_rlock": ("broken", 150),
    "sold_twice": ("broken", 150),
    "woken_twice": ("IndexError", 90),
    "made_twice": ("broken", 90),
    "published_half_filled": ("KeyError", 150),
    "closed_in_use": ("broken", 150),
    "expired_while_touched": ("broken", 150),
    "locks_of_threads_in_two_orders": ("Deadlock", 150),
    "notified_before_the_wait": ("Deadlock", 90),
    "written_after_the_end": ("Deadlock", 150),
    "jobs_that_wait_for_jobs": ("Deadlock", 90),
    "given_back_in_use": ("broken", 150),
    "answer_at_the_timeout": ("broken", 60),
    "paid_at_the_timeout": ("broken", 90),
    "visits_of_a_sync_endpoint": ("broken", 150),
    "quota_of_a_dependency": ("broken", 60),
    "state_of_the_loop_in_a_worker": ("broken", 90),
    "repeated_while_under_way": ("broken", 60),
    "stored_after_the_answer": ("broken", 60),
    "rolled_back_by_another": ("broken", 150),
}
RACES = TASKS | THREADS
"""How each race ends where it goes wrong, and in how many runs it is found.

That is well above the worst of 30 base seeds, as `races.py survey 30 400` prints it.
"""
SOME = ("store_in_threads", "jobs_that_wait_for_jobs", "paid_at_the_timeout", "left_after_the_last_token")


@pytest.fixture
def hunted(played: Played) -> Any:
    """What came of the hunt for each race."""
    return played("races", "hunt", BASE, json.dumps({race: runs for race, (_, runs) in RACES.items()}))


@pytest.mark.parametrize("race", RACES)
def test_a_race_is_found_within_its_budget_and_never_in_its_twin(hunted: Any, race: str) -> None:
    """The ordinary run is right; within its budget a run ends as this mistake does; with it mended none goes wrong."""
    found = hunted[race]
    ending, _ = RACES[race]
    assert (found["ordinary"], found["ending"], found["twin"]) == ("held", ending, None)


def test_more_than_half_of_the_races_have_threads(hunted: Any) -> None:
    """Those that are said to have threads do have some, and no other has."""
    assert {race for race, found in hunted.items() if found["threaded"]} == set(THREADS)
    assert len(THREADS) > len(TASKS)


def test_a_deep_order_is_for_pct(played: Played) -> None:
    """What goes wrong only after twenty steps in a row is no matter of luck for one policy, and hopeless for the others."""
    found = played("races", "deep", 150)
    assert {policy for policy, seed in found.items() if seed is not None} == {"pct"}


def test_a_seed_replays_in_another_process(hunted: Any, played: Played) -> None:
    """Alone in a fresh process, a seed gives the same ending, hashes and deviations as in the midst of a hunt."""
    found = hunted["paid_at_the_timeout"]
    assert played("races", "replay", "paid_at_the_timeout", found["seed"], "[]") == found["identity"]


@pytest.mark.parametrize("race", SOME)
def test_a_schedule_replays_in_another_process_without_its_policy(
    hunted: Any, played: Played, race: str
) -> None:
    """The deviations of a run, told to a fresh process, give the same ending, both hashes and all deviations again."""
    seed, expected = hunted[race]["seed"], hunted[race]["identity"]
    assert played("races", "replay", race, seed, json.dumps(expected[1])) == expected


def test_most_failures_shrink_to_at_most_three_deviations(played: Played) -> None:
    """Leaving out deviations leaves three or fewer in four of five failures, and never none: no ordinary run fails."""
    rows = [row for rows in played("races", "shrinks", 2).values() for row in rows]
    left = [after for before, after, _ in rows if after <= before]
    assert len(left) == 2 * len(RACES)
    assert min(left) == 1
    assert sum(after <= 3 for after in left) >= 0.8 * len(left)
