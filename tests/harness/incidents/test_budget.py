"""The time of a search: nothing is begun when it is over, and what was left is told."""

import asyncio
import time
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.incidents import lab as playing
from harness.incidents.budget import broken_off
from harness.incidents.diagnose import search
from harness.incidents.lab import Lab
from tests.harness.incidents.test_diagnose import LATE, PLAIN, diagnosis, suspect

FAR_S = float("inf")


def lab_of(until_s: float, *, ends_s: float | None = None) -> Lab:
    """A lab with one place in which nothing can be played."""
    return Lab(options=None, plays=(None,), until_s=until_s, ends_s=ends_s, say=lambda _: None)  # type: ignore[arg-type]  # nothing is played


async def test_what_was_left_when_the_time_was_over_is_told() -> None:
    """So many of so many suspects were tried: whoever reads "nothing reproduces it" knows how much was looked at."""
    known = diagnosis(PLAIN, LATE)
    await search(lab_of(0.0), known, [suspect("a"), suspect("b")])
    assert known.notes == ["time was over: 0 of 2 were tried simulated; give it more with --for"]


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


async def test_one_run_of_the_healthy_service_is_played_however_little_time_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without one there is nothing to compare with; the second is not begun."""
    lab = lab_of(0.0)

    async def alone(*_: Any) -> None:
        """It takes a while, and others wait for it."""
        await asyncio.sleep(0)

    monkeypatch.setattr(lab, "_arm", alone)
    assert await lab.clean([suspect("a").scenario, suspect("b").scenario]) == [None]


async def test_a_suspect_that_is_still_played_at_the_end_is_broken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It took down what it had put up, counts for nothing, and the search says how many were played.

    The end is set once a run has begun, however long that takes.
    """
    taken_down: list[str] = []
    ends: list[asyncio.Timeout] = []
    known, lab = diagnosis(PLAIN, LATE), lab_of(FAR_S, ends_s=FAR_S)
    timeout_at = asyncio.timeout_at

    def kept(at_s: float | None) -> asyncio.Timeout:
        """The end of the search, which the test moves."""
        ends.append(timeout_at(at_s))
        return ends[-1]

    async def endless(*_: Any) -> None:
        """A run that waits for an answer that never comes; now that it has begun, the time is over."""
        assert ends[0].when() == FAR_S
        monkeypatch.setattr(lab, "_until_s", 0.0)
        ends[0].reschedule(asyncio.get_running_loop().time())
        try:
            await asyncio.Event().wait()
        finally:
            taken_down.append("target")

    monkeypatch.setattr(asyncio, "timeout_at", kept)
    monkeypatch.setattr(lab, "_tried", endless)
    await search(lab, known, [suspect("a"), suspect("b")])
    assert (taken_down, lab.count) == (["target"], 0)
    assert known.notes == ["time was over: 0 of 2 were tried simulated; give it more with --for"]


async def test_a_timeout_of_the_work_itself_is_not_taken_for_the_end() -> None:
    """Only the end of the search's time is swallowed."""
    with pytest.raises(TimeoutError, match="its own"):
        async with broken_off(time.monotonic() + 60):
            raise TimeoutError("its own")
