"""A scenario for which a service has not what it would break is left out among others, aloud, and refused alone."""

import json
from pathlib import Path
from typing import Any

import pytest

HELPDESK = str(Path(__file__).parent / "helpdesk" / "profile.toml")


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("half_answer_is_done", "provider.stream_cut needs provider_streams"),
        ("lock_of_another_loop", "a second server needs an app that is built anew for it"),
    ],
)
def test_what_a_service_has_not_is_left_out_and_the_rest_is_played(
    shakeout: Any, tmp_path: Path, name: str, because: str
) -> None:
    """What the profile tells of is known before, what only the process shows in the run: the other scenario has its verdict."""
    place = tmp_path / "told.json"
    code, said, complained = shakeout(
        "run", name, "retries_of_retries", "--target", HELPDESK, "--json", str(place), "--jobs", "1"
    )
    told = json.loads(place.read_text())
    assert (code, complained) == (0, "")
    assert [one["name"] for one in told["scenarios"]] == ["retries_of_retries"]
    assert told["not_applicable"] == [name]
    assert f"not applicable: {name}: {because}" in said
    for command in (("run", name), ("explore", name, "--runs", "2")):
        code, said, complained = shakeout(*command, "--target", HELPDESK)
        assert (code, said, complained.count("\n")) == (2, "", 1)
        assert because in complained
