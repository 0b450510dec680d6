"""What a search does with its matches at its end: how long they may be made smaller, and how many are played again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from harness.incidents import hunt
from harness.incidents.hunt import How, Hunt, Hunted
from harness.runner import Options
from harness.targets.profile import load
from tests.harness.incidents.test_diagnose import LATE, PLAIN, signature, suspect, tried

NOW_S = 1_000.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Until when each match was to be played, on a clock that stands still; none of them fails again."""
    asked: list[dict[str, float]] = []

    async def smallest(_lab: Any, _diagnosis: Any, _cause: Any, **ends: float) -> None:
        """Play a match."""
        asked.append(ends)

    @asynccontextmanager
    async def nowhere(*_: Any, **__: Any) -> AsyncIterator[None]:
        """A laboratory."""
        yield

    monkeypatch.setattr(hunt, "time", SimpleNamespace(monotonic=lambda: NOW_S))
    monkeypatch.setattr(hunt, "smallest", smallest)
    monkeypatch.setattr(hunt, "Lab", SimpleNamespace(of=nowhere))
    return asked


async def ended(for_s: float) -> Hunted:
    """The end of a search of so many seconds with two matches."""
    how = How(stages=("simulated",), for_s=for_s, jobs=1, scenarios=(), drills={})
    search = Hunt(signature(PLAIN, LATE), Options(profile=load()), how)
    search._diagnosis.healthy = signature(PLAIN, PLAIN)
    for name in ("one", "other"):
        search._diagnosis.add(tried(suspect(name), PLAIN, LATE))
    return await search._smallest()


async def test_a_match_has_time_to_be_made_smaller_and_all_of_it_to_fail_again(
    asked: list[dict[str, float]],
) -> None:
    """Each match is played again, as often as the time of the search allows, and shrunk for a part of that."""
    hunted = await ended(3_600.0)
    assert hunted.cause is None
    assert hunted.diagnosis.notes == ["one, drill did not fail again", "other, drill did not fail again"]
    assert [each["ends_s"] for each in asked] == [NOW_S + 3_600.0] * 2
    assert all(NOW_S < each["until_s"] < NOW_S + 3_600.0 for each in asked)


async def test_when_the_time_is_over_only_the_nearest_match_is_played_again(
    asked: list[dict[str, float]],
) -> None:
    """The others would take time that nobody gave; that they were not played is told."""
    hunted = await ended(0.0)
    assert len(asked) == 1
    assert hunted.diagnosis.notes == [
        "one, drill did not fail again",
        "time was over before other matches were played again; give it more with --for",
    ]
