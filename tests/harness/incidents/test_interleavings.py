"""The search in other orders: what it played is counted and what ended it is told, however it ended."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import InvalidRun, ShakeoutError, UsageError
from harness.incidents import interleavings
from harness.incidents.diagnose import Diagnosis
from harness.incidents.interleavings import Explored, explore
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.targets import profile as profiles
from tests.harness.incidents.test_diagnose import LATE, PLAIN, diagnosis, suspect, tried

PROFILE = str(Path(__file__).parents[1] / "targets" / "profile.toml")
FOUND: Any = SimpleNamespace()


class Exploring:
    """Stands for an explorer that has played three runs when it ends, fails, or hangs in the fourth."""

    ending: BaseException | None = None
    found: Any = None
    hangs = False

    def __init__(self, *_: Any, **__: Any) -> None:
        self.tally = SimpleNamespace(runs=0)

    async def run(self) -> None:
        """Play."""
        self.tally.runs = 3
        if self.ending is not None:
            raise self.ending
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
def exploring(monkeypatch: pytest.MonkeyPatch) -> type[Exploring]:
    """The explorer of the search, which ends as a test says."""
    made = type("Made", (Exploring,), {})
    monkeypatch.setattr(interleavings, "Explorer", made)
    return made


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What comes of a match that is played again, and until when it was to be made smaller."""
    made = SimpleNamespace(error=None, until_s=None)

    async def reduced(*_: Any, until_s: float) -> Any:
        """Play it again."""
        made.until_s = until_s
        if made.error is not None:
            raise made.error
        return SimpleNamespace(scenario=Scenario(steps=(Turn(),)))

    monkeypatch.setattr(interleavings, "reduced", reduced)
    monkeypatch.setattr(interleavings, "_tried", lambda *_: tried(suspect("order"), LATE))
    return made


async def searched(*, ends_s: float | None = None) -> Diagnosis:
    """What is known after a search."""
    known = diagnosis(PLAIN, LATE)
    options = Options(profile=profiles.load(PROFILE), stage="simulated")
    await explore(known, options, Explored(drills=[suspect("a").scenario], for_s=60, jobs=1, ends_s=ends_s))
    return known


@pytest.mark.parametrize("error", [InvalidRun("it differs"), UsageError("it does not start")])
async def test_what_was_played_before_it_ended_is_counted_and_told(
    exploring: type[Exploring], error: ShakeoutError
) -> None:
    """A run that differed from itself, or an app that does not start again, does not make the runs before it none."""
    exploring.ending = error
    known = await searched()
    assert known.played == 3
    assert known.notes == [f"the search in other orders ended after 3 runs: {error}"]


@pytest.mark.parametrize("error", [InvalidRun("it went well"), UsageError("it does not start")])
async def test_a_match_that_is_not_the_same_again_is_told(
    exploring: type[Exploring], again: SimpleNamespace, error: ShakeoutError
) -> None:
    """It is no cause, and the runs before it are counted."""
    exploring.found, again.error = FOUND, error
    known = await searched()
    assert (known.played, known.causes) == (3, ())
    assert known.notes == [f"a run in another order matched and could not be played again: {error}"]


@pytest.mark.timeout(60)
async def test_a_run_that_is_still_played_at_the_end_is_broken_off(exploring: type[Exploring]) -> None:
    """However long one run may take: what was played until then is told."""
    exploring.hangs = True
    known = await searched(ends_s=0.0)
    assert known.played == 3
    assert known.notes == ["3 runs in other orders showed nothing like it; give it more with --for"]


@pytest.mark.timeout(60)
async def test_a_match_of_a_search_that_was_broken_off_counts(
    exploring: type[Exploring], again: SimpleNamespace
) -> None:
    """One process has it while another still plays; it is made smaller no longer than the search may take."""
    exploring.hangs, exploring.found = True, FOUND
    known = await searched(ends_s=0.0)
    assert [cause.suspect.name for cause in known.matches] == ["order"]
    assert (known.notes, again.until_s) == ([], 0.0)
