"""How a target is named on the command line is how messages, documents and replays name it."""

from pathlib import Path

import pytest

from harness.commands.common import named, options, resolve
from harness.errors import UsageError
from harness.load.options import SEED_MAX

PROFILE = Path(__file__).parent / "targets" / "profile.toml"


def test_an_app_goes_by_its_own_name() -> None:
    """A target given as MODULE:FACTORY is not called after the profile that it borrows."""
    profile = resolve("my_module:create")
    assert (profile.name, profile.app, profile.origin) == ("my_module:create",) * 3


def test_a_replay_names_a_profile_wherever_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path becomes whole, whether it was given or stands in pyproject.toml; other names stay."""
    monkeypatch.chdir(PROFILE.parent)
    assert named("profile.toml") == str(PROFILE)
    assert named("reference_app:profile.toml") == "reference_app:profile.toml"
    assert named(None) == ""


@pytest.mark.parametrize("seed", [-1, SEED_MAX + 1])
def test_a_seed_that_no_document_can_hold_is_refused(seed: int) -> None:
    """Whoever asks, the command line or pytest."""
    with pytest.raises(UsageError, match=f"seed {seed}: must be at least 0 and at most"):
        options(stage="live", seed=seed, defects=None, target=None, histories=None)
