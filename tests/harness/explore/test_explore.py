"""`shakeout explore` from the command line: a planted race is found, made small, written, and fails when run again."""

import json
from pathlib import Path

import pytest

from harness.scenario import load
from harness.search import reduce
from harness.search.explore import Tally

HERE = Path(__file__).parent
TARGET = str(HERE / "racy.toml")
TOGETHER = '''"""Turns of one session at once."""
from harness.scenario import Parallel, Scenario, Turn
AT_ONCE = Parallel(steps=(Turn(), Turn(), Turn(), Turn()))
SCENARIO = Scenario(steps=(Turn(), AT_ONCE, AT_ONCE, AT_ONCE))
'''

OWN = '''"""Always broken."""
from harness.history import WIRE
from harness.registry import Invariant
from harness.scenario import Scenario, Turn
from harness.verdict import Finding
NEVER = Invariant(name="test.never", check=lambda history: [Finding(message="said", evidence="shown")],
                  witnesses=frozenset({WIRE}), summary="", promises=())
SCENARIO = Scenario(steps=(Turn(),), invariants=(NEVER,))
'''


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A folder of its own, with a scenario in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "together.py").write_text(TOGETHER)


@pytest.mark.timeout(900)
def test_a_planted_race_is_found_made_small_and_fails_again(shakeout, monkeypatch, tmp_path):
    """The file that is written carries seed and schedule, fails in other processes, and only with the race."""
    monkeypatch.setattr(reduce, "REDUCE_S_MAX", 600.0)
    explored = ("explore", "together.py", "--target", TARGET, "--no-faults", "--jobs", "2", "--seed", "7")
    code, out, _ = shakeout(*explored, "--runs", "400", "--defect", "lost_update", "--json", "told.json")
    assert code == 1
    told = json.loads((tmp_path / "told.json").read_text())
    found = told["found"]
    assert (told["kind"], told["verdict"], found["invariant"]) == (
        "explore",
        "failed",
        "sessions.turns_counted",
    )
    assert f"written: {found['file']}" in out
    scenario = load(tmp_path / found["file"])
    assert scenario.schedule is not None
    assert len(scenario.schedule.holds) == found["deviations"] > 0
    assert len(scenario.steps) < 4
    assert shakeout("run", found["file"], "--target", TARGET, "--defect", "lost_update")[0] == 1
    assert shakeout("run", found["file"], "--target", TARGET)[0] == 0


def test_the_mended_twin_is_not_accused(shakeout):
    """As many runs of the service without the race find nothing, and those that were played twice were the same."""
    explored = ("explore", "together.py", "--target", TARGET, "--no-faults", "--jobs", "2", "--seed", "7")
    code, out, _ = shakeout(*explored, "--runs", "60")
    assert code == 0
    assert "nothing found; 60 runs" in " ".join(out.split())
    assert "2 played twice, the same" in " ".join(out.split())


def test_scenarios_are_drawn_where_none_is_named(shakeout):
    """Without a name the library, variations of it and drawn scenarios are played; the reference app holds in all."""
    code, out, _ = shakeout("explore", "--jobs", "2", "--runs", "26", "--seed", "1")
    assert code == 0, out
    assert "nothing found; 26 runs" in " ".join(out.split())


def test_a_service_that_differs_from_itself_ends_the_exploration(shakeout):
    """One run of 25 is played in another process too; the record that differs is named, and nothing is passed."""
    target = str(HERE.parent / "targets" / "odd.toml")
    explored = ("explore", "together.py", "--target", target, "--defect", "addresses", "--no-faults")
    code, _, err = shakeout(*explored, "--runs", "30", "--jobs", "1")
    assert code == 3
    assert "not deterministic: a fresh process differs: record 1: exchange.body: " in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--for", "10s", "--runs", "5"], "after a time or after a number of runs: give one of the two"),
        (["--for", "soon"], "--for soon: a duration is a number with s, m or h, such as 90s"),
        (["--for", "0s"], "--for 0s: must be above 0"),
        (["nothing"], "no scenario is called nothing"),
        (["history_lost_to_sigkill"], "nothing to play in simulated"),
        (["--defect", "none"], "racy has no defect none; it has: lost_update"),
    ],
)
def test_a_mistake_is_one_line_and_a_usage_error(shakeout, arguments, said):
    """What cannot be explored is told in one line, before anything is played."""
    code, _, err = shakeout("explore", *arguments, "--target", TARGET)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [("together.py", "is what is read"), ("found.txt", "ends in .py"), ("together.py/x.py", "ile exists")],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_played(shakeout, tmp_path, place, said):
    """Nothing is overwritten, and nobody waits for a finding that cannot be kept."""
    code, _, err = shakeout("explore", "together.py", "--target", TARGET, "--output", place)
    assert (code, said in err) == (2, True), err
    assert [path.name for path in tmp_path.iterdir()] == ["together.py"]


def test_what_was_found_is_told_where_it_cannot_be_written(shakeout, tmp_path):
    """A scenario with an invariant that has no name to import it by fails, is shown, and is an exploration that failed."""
    (tmp_path / "own.py").write_text(OWN)
    code, out, _ = shakeout("explore", "own.py", "--target", TARGET, "--no-faults", "--runs", "5")
    assert code == 1
    assert "test.never: said" in out
    assert "not written: " in out


@pytest.mark.parametrize(
    ("runs", "refused", "verdict"),
    [(0, 0, "invalid"), (50, 0, "passed"), (50, 1, "undecided"), (50, 5, "invalid"), (3, 1, "invalid")],
)
def test_an_exploration_that_could_not_judge_is_no_pass(runs, refused, verdict):
    """Nothing found in runs that proved nothing is undecided, or invalid where they were many."""
    tally = Tally(runs=runs)
    tally.refused["because"] = refused
    assert str(tally.verdict) == verdict
