"""Options are held to what there is before anything is started."""

from typing import Any

import pytest

from harness.errors import UsageError
from harness.load.options import REQUESTS, LoadOptions


@pytest.mark.parametrize(("wrong", "remedy"), [
    ({"requests": 0}, "at least 1"),
    ({"requests": -5}, "at least 1"),
    ({"for_s": 0.0}, "whole number of seconds"),
    ({"for_s": 1.5}, "whole number of seconds"),
    ({"for_s": float("nan")}, "whole number of seconds"),
    ({"for_s": float("inf")}, "whole number of seconds"),
    ({"requests": 10, "for_s": 10.0}, "one of the two"),
    ({"users": 0}, "at least 1"),
    ({"users": 10_000}, "at most 1,000"),
    ({"seed": -1}, "at least 0"),
    ({"seed": 2**63}, "at most 9223372036854775807"),
    ({"defects": ("no_such_defect",)}, "has no defect no_such_defect"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_its_remedy(wrong: dict[str, Any], remedy: str) -> None:
    """Each value out of range is a usage error that says what would be right."""
    with pytest.raises(UsageError, match=remedy):
        LoadOptions(**wrong)


def test_a_run_has_one_end() -> None:
    """Without either it ends after enough requests for a pass; with a time, nothing counts requests."""
    assert LoadOptions().requests_planned == REQUESTS
    assert LoadOptions(requests=5).requests_planned == 5
    assert LoadOptions(for_s=5).requests_planned is None


def test_the_replay_runs_the_same_again() -> None:
    """The command carries all that was chosen, quoted for a shell."""
    replay = LoadOptions(requests=5, users=3, seed=9, target="my profile.toml").replay
    assert replay == "shakeout load --users 3 --seed 9 --requests 5 --target 'my profile.toml'"
    assert LoadOptions(for_s=60).replay == "shakeout load --users 20 --seed 0 --for 60s"
