"""How long what an exploration found is made smaller."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.runner import Options
from harness.scenario import Scenario, Schedule, Turn
from harness.search import reduce
from harness.search.reduce import reduced
from harness.verdict import Violation

BROKEN = Violation(invariant="lost", message="", evidence="")


@pytest.mark.parametrize(("until_s", "steps"), [(0.0, 3), (float("inf"), 1)])
async def test_when_the_time_is_over_it_is_played_again_and_not_made_smaller(
    monkeypatch: pytest.MonkeyPatch, until_s: float, steps: int
) -> None:
    """Twice, so that it is known to fail, and under which schedule; with time it gets as small as it can."""
    played = SimpleNamespace(schedule=Schedule(code="", holds=()))

    class Host:
        """Each run fails."""

        async def play(self, _job: Any) -> Any:
            """Play."""
            return played

    judgement = SimpleNamespace(untrusted=(), violations=(BROKEN,))
    monkeypatch.setattr(reduce, "REDUCE_S_MAX", 3_600.0)
    monkeypatch.setattr(reduce, "judged", lambda *_: judgement)
    monkeypatch.setattr(reduce, "job", lambda *_: None)
    trial = SimpleNamespace(scenario=Scenario(steps=(Turn(message="Hello"),) * 3), seed=1)
    found: Any = SimpleNamespace(trial=trial, played=played, violations=(BROKEN,))
    host: Any = Host()
    small = await reduced(found, Options(profile=None), host, until_s=until_s)  # type: ignore[arg-type]  # nothing is played
    assert len(small.scenario.steps) == steps
    assert (small.runs == 2) is (until_s == 0.0)
