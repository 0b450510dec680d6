"""The small app with a catalogue of its own, and scenarios of two turns that say what a test is about."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import shakeout

from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles

__all__ = ["shakeout"]

SMALL = Path(__file__).parent.parent / "targets"
CATALOGUE = """
from dataclasses import dataclass

@dataclass
class Mistake:
    reasons: tuple
    parts: frozenset
    summary: str = "is wrong"

DEFECTS = {
    "deaf": Mistake(("degradation.explained",), frozenset({"client"})),
    "dies": Mistake(("outcome.status_in_contract",), frozenset({"start"})),
    "harmless": Mistake(("sessions.history_preserved",), frozenset({"store"})),
    "shy": Mistake(("made.seen",), frozenset({"log"})),
}
"""


@pytest.fixture(scope="session")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with catalogues of the small app: `NAME_of_small`, of one defect each, and `all_of_small`."""
    folder = tmp_path_factory.mktemp("catalogues")
    (folder / "all_of_small.py").write_text(CATALOGUE)
    for name in ("deaf", "dies", "harmless", "shy"):
        (folder / f"{name}_of_small.py").write_text(
            f"from all_of_small import DEFECTS as ALL\nDEFECTS = {{{name!r}: ALL[{name!r}]}}\n"
        )
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, catalogues: Path) -> Callable[..., Options]:
    """Gives the options of the small app with one of the catalogues."""
    monkeypatch.syspath_prepend(str(SMALL))
    monkeypatch.syspath_prepend(str(catalogues))

    def made(which: str = "all", **changes: Any) -> Options:
        profile = replace(profiles.load(str(SMALL / "profile.toml")), defects=f"{which}_of_small:DEFECTS")
        return replace(Options(profile=profile, stage="simulated", seed=7), **changes)

    return made


@pytest.fixture
def two() -> Callable[..., Scenario]:
    """Makes a scenario of two turns."""

    def made(name: str = "two", **more: Any) -> Scenario:
        return Scenario(name=name, steps=(Turn(), Turn()), **more)

    return made
