"""The time of a search: nothing is begun when it is over, and what was left is told."""

from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.incidents import lab as playing
from harness.incidents.diagnose import meet, search
from harness.incidents.lab import Lab
from tests.harness.incidents.test_diagnose import LATE, PLAIN, diagnosis, suspect

FAR_S = float("inf")


def lab_of(until_s: float) -> Lab:
    """A lab with one place in which nothing can be played."""
    return Lab(options=None, plays=(None,), until_s=until_s, say=lambda _: None)  # type: ignore[arg-type]  # nothing is played


async def test_drills_are_not_begun_when_the_time_is_over() -> None:
    """Without a run in time there is nothing to compare with: the remedy is said."""
    drills = [suspect("a").scenario]
    with pytest.raises(InvalidRun, match="time was over before a run was; give it more with --for"):
        await meet(lab_of(0.0), diagnosis(PLAIN, LATE), drills)


async def test_what_was_left_when_the_time_was_over_is_told() -> None:
    """So many of so many suspects were tried: whoever reads "nothing reproduces it" knows how much was looked at."""
    known = diagnosis(PLAIN, LATE)
    await search(lab_of(0.0), known, [suspect("a"), suspect("b")])
    assert known.notes == ["time was over: 0 of 2 were tried; give it more with --for"]


async def test_nothing_is_said_of_the_time_where_there_was_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that tried all has no such note."""

    async def nothing(*_: Any, **__: Any) -> None:
        """No run proves anything."""
        raise InvalidRun("too slow")

    monkeypatch.setattr(playing, "played", nothing)
    monkeypatch.setattr(playing, "replace", lambda *_, **__: None)
    known, patient = diagnosis(PLAIN, LATE), lab_of(FAR_S)
    monkeypatch.setattr(patient, "_options", type("Seeded", (), {"seed": 1}))
    await search(patient, known, [suspect("a")])
    assert known.notes == ["1 runs proved nothing: too slow"]
