"""Clean runs go round everything, say how to play each alarm again, and claim no more than they have judged."""

import json
import shlex
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.matrix import How
from harness.matrix import controls as module
from harness.matrix.controls import Alarm, Controls, controls
from harness.registry import Invariant
from harness.runner import SEED
from harness.verdict import Verdict

SIMULATED = How(stages=("simulated",))
SMALL = Path(__file__).parent.parent / "targets"


async def test_each_is_played_once_before_any_is_played_twice(small, two):
    """Four scenarios in eight runs: each round has all of them, in an order that the seed decides; the first seed is 1."""
    asked = []

    def note(history):
        asked.append((history.header.seed, history.header.scenario))
        yield from ()

    noted = Invariant(name="made.noted", check=note, witnesses=frozenset(), summary="")
    names = ["a", "b", "c", "d"]
    done = await controls([two(name, invariants=(noted,)) for name in names], small(seed=None), 8, SIMULATED)
    seeds, played = zip(*asked, strict=True)
    assert seeds == tuple(range(SEED, SEED + 8))
    assert sorted(played[:4]) == names
    assert played[:4] == played[4:]
    assert list(played[:4]) != names
    assert (done.different, done.given) == (4, 4)


async def test_a_run_that_cannot_be_played_says_nothing(small, two, monkeypatch):
    """A scenario that the target cannot carry is told with its name and seed, and the other is judged all the same."""
    usual = module.played

    async def played(play, scenario, options, **how):
        if scenario.name == "odd":
            raise UsageError("it has no store")
        return await usual(play, scenario, options, **how)

    monkeypatch.setattr(module, "played", played)
    done = await controls([two(), two("odd")], small(), 2, SIMULATED)
    (silent,) = done.silent
    assert silent.startswith("odd, seed ")
    assert silent.endswith(": it has no store")
    assert done.judged == 1


@pytest.mark.parametrize(
    ("silent", "alarms", "verdict"),
    [
        (0, 0, Verdict.PASSED),
        (2, 0, Verdict.PASSED),
        (3, 0, Verdict.UNDECIDED),
        (20, 0, Verdict.INVALID),
        (3, 1, Verdict.FAILED),
    ],
)
def test_too_many_silent_runs_are_no_pass(silent, alarms, verdict):
    """More than a tenth of twenty runs without a word is undecided, all of them invalid, and an alarm fails anyhow."""
    alarm = Alarm(scenario="two", seed=1, violations=(), replay="")
    done = Controls(runs=20, alarms=(alarm,) * alarms, silent=("slow",) * silent)
    assert done.verdict is verdict


def test_the_command_of_an_alarm_plays_that_run_again(shakeout, small, tmp_path):
    """An alarm of a fault on its drill names a command; that plays the same fault with the same seed, to the same alarm."""
    small()
    profile = tmp_path / "hurried.toml"
    profile.write_text((SMALL / "profile.toml").read_text().replace("deadline_s = 2.0", "deadline_s = 1e-6"))
    document = tmp_path / "out.json"
    label = "two_sessions: provider.late_reply"
    code, out, _ = shakeout(
        "matrix", label, "--controls", "1", "--seed", "5", "--target", str(profile), "--json", str(document)
    )
    (alarm,) = json.loads(document.read_text())["alarms"]
    assert code == 1
    assert f"again: {alarm['replay']}" in out.replace("\n", "")
    shakeout(*shlex.split(alarm["replay"])[1:], "--json", str(document))
    assert json.loads(document.read_text())["alarms"] == [alarm]
