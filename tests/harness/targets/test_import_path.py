"""The app of a profile is found in the profile's own folder, whatever lies in the folder where one stands."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.targets import profile as profiles
from harness.targets.started import child, new_nonce

PROFILE = """provider_variable = ""
app = "corner:app"
defects = "corner:DEFECTS"
[turn]
path = "/turn"
body = { message = "{message}" }
"""
APP = """
DEFECTS = {"own": None}

async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
"""
OTHER = "raise RuntimeError('a file of the current folder was taken for the app')\n"


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[profiles.Profile]:
    """A profile with its app beside it; one stands in another folder, where a module has the app's name."""
    own, here = tmp_path / "own", tmp_path / "here"
    own.mkdir()
    here.mkdir()
    (own / "profile.toml").write_text(PROFILE)
    (own / "corner.py").write_text(APP)
    (here / "corner.py").write_text(OTHER)
    monkeypatch.chdir(here)
    yield profiles.load(str(own / "profile.toml"))
    sys.modules.pop("corner", None)


async def hello(mode: str, profile: profiles.Profile, directory: Path) -> dict[str, Any]:
    """What a child says of itself once it has started."""
    words = ["--app", profile.app, *(["--directory", str(directory)] if mode == "simulate" else [])]
    async with child(
        mode, words, profile=profile, directory=directory, environment={}, nonce=new_nonce()
    ) as started:
        return dict(started.hello)


@pytest.mark.parametrize("mode", ["serve", "simulate"])
async def test_the_folder_of_the_profile_comes_before_the_current_one(
    profile: profiles.Profile, tmp_path: Path, mode: str
) -> None:
    """A file here of the app's name does not keep the app from starting, neither live nor simulated."""
    said = await hello(mode, profile, tmp_path)
    assert said["port"] if mode == "serve" else said["refusal"] == ""


@pytest.mark.parametrize("mode", ["serve", "simulate"])
async def test_the_current_folder_is_looked_into_where_the_profile_has_no_such_module(
    profile: profiles.Profile, tmp_path: Path, mode: str
) -> None:
    """An app in the folder where one stands is found as before, for a profile that is elsewhere."""
    (tmp_path / "own" / "corner.py").unlink()
    Path("corner.py").write_text(APP)
    said = await hello(mode, profile, tmp_path)
    assert said["port"] if mode == "serve" else said["refusal"] == ""


def test_the_mistakes_of_the_app_are_those_of_its_own_module(
    profile: profiles.Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The harness itself reads the list of mistakes where the child will find the app."""
    # As `python -m` and a PYTHONPATH have it.
    monkeypatch.syspath_prepend(str(tmp_path / "own"))
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    assert dict(profiles.defect_catalog(profile)) == {"own": None}
