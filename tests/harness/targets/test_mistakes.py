"""What a run says of a profile beside its turns: a path of readiness, or a variable of the store, that is not there."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.history import Exchange
from harness.targets import profile as profiles
from harness.targets.mistakes import mistaken_rest
from harness.targets.profile import Profile

TEXT = """app = "desk:app"
ready = "/ready"
log = "{directory}/logs/desk.log"
store = "sqlite"
store_variable = "DESK_DB"
[turn]
path = "/turn"
body = { text = "{message}" }
"""


def exchange(path: str, status: int) -> Exchange:
    """An answer of this status."""
    return Exchange(
        at_s=0.0, ended_s=0.1, step=0, role="turn", method="POST", path=path, request_id="r", status=status
    )


TURN = exchange("/turn", 200)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A service with a store, a log of its own, and a path of readiness."""
    place = tmp_path / "profile.toml"
    place.write_text(TEXT)
    return profiles.load(str(place))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder in which there are logs, and nothing else."""
    run = tmp_path / "run"
    (run / "logs").mkdir(parents=True)
    for name in ("app.log", "stderr.log", "logs/desk.log", "played.jsonl", "holds.json"):
        (run / name).touch()
    return run


@pytest.mark.parametrize(
    ("status", "wrong"), [(404, True), (405, True), (200, False), (503, False), (500, False)]
)
def test_a_path_of_readiness_that_is_not_there_is_the_profiles(
    profile: Profile, folder: Path, status: int, wrong: bool
) -> None:
    """404 and 405 at `ready` are told with its line, once; any other answer is the service's own."""
    (folder / "sessions.db").touch()
    said = list(mistaken_rest([TURN, *[exchange("/ready", status)] * 2], profile, folder))
    assert [one.startswith(f"{profile.origin}:2: ") and one.endswith("; mend ready") for one in said] == [
        True
    ] * wrong


def test_a_store_that_was_not_opened_is_the_profiles(profile: Profile, folder: Path) -> None:
    """Where a turn was answered and the run's folder holds logs alone, the line of the variable is told."""
    told = f"{profile.origin}:5: nothing was opened in the run's folder; mend store_variable"
    assert list(mistaken_rest([TURN], profile, folder)) == [told]
    (folder / "below").mkdir()
    (folder / "below" / "sessions.db").touch()
    assert list(mistaken_rest([TURN], profile, folder)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"store": ""},
        {"store_variable": None},
        {"store_template": ":memory:"},
        {"app": "", "url": "http://127.0.0.1:1"},
    ],
)
def test_a_store_that_is_not_told_to_be_there_is_not_looked_for(
    profile: Profile, folder: Path, change: dict[str, object]
) -> None:
    """No store, none by a variable, one in memory, and a service elsewhere owe the folder nothing."""
    assert list(mistaken_rest([TURN], replace(profile, **change), folder)) == []


def test_without_an_answered_turn_nothing_is_said_of_the_store(profile: Profile, folder: Path) -> None:
    """A service that opens its store with the first turn has not come so far where none was held."""
    assert list(mistaken_rest([exchange("/turn", 404)], profile, folder)) == []
