"""`shakeout reproduce` where no fault is to blame: the order of things that logs what the incident did is found."""

import json
import re
from pathlib import Path

import pytest

from harness.commands.common import options
from harness.incidents.diagnose import Diagnosis
from harness.incidents.interleavings import Explored, explore
from harness.incidents.signature import signature_of
from harness.library import find
from harness.logs import parse
from harness.scenario import load

ORDERS = re.compile(
    "runs in other orders showed nothing like it; give it more|time was over before other orders were played"
)
TARGET = str(Path(__file__).parent / "racy.toml")
LOG = """INFO:     127.0.0.1:5000 - "POST /turn HTTP/1.1" 200 OK
INFO:     127.0.0.1:5001 - "POST /turn HTTP/1.1" 200 OK
the number of a turn was given twice
INFO:     127.0.0.1:5001 - "POST /turn HTTP/1.1" 200 OK
"""


@pytest.mark.timeout(900)
def test_a_race_is_found_from_one_line_of_the_log(shakeout, monkeypatch, tmp_path):
    """The file carries the seed and the schedule; it fails with the race, for its reason, and passes without it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RACY", "yes")
    (tmp_path / "incident.log").write_text(LOG)
    aimed = ("--stage", "simulated", "--target", TARGET)
    searched = ("reproduce", "incident.log", *aimed, "-o", "found.py", "--json", "told.json", "--for", "20m")
    code, said, _ = shakeout(*searched, "--jobs", "2")
    assert code == 0, said
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["verdict"], told["invariant"], told["unexplained"]) == (
        "reproduced",
        "sessions.turns_counted",
        [],
    )
    assert load(tmp_path / "found.py").schedule is not None
    assert shakeout("run", "found.py", *aimed)[0] == 1
    monkeypatch.delenv("RACY")
    assert shakeout("run", "found.py", *aimed)[0] == 0


def test_what_no_run_logs_is_no_match(shakeout, monkeypatch, tmp_path):
    """The service races, and its log says another thing: no file is written, and what became of the search is told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RACY", "yes")
    (tmp_path / "incident.log").write_text("a line that this service never writes\n")
    aimed = ("--stage", "simulated", "--target", TARGET)
    code, said, _ = shakeout("reproduce", "incident.log", *aimed, "--for", "15s", "-o", "found.py")
    assert code == 4, said
    assert ORDERS.search(said), said
    assert not (tmp_path / "found.py").exists()


async def test_runs_that_fail_and_log_another_thing_are_counted_and_kept_as_misses(monkeypatch):
    """However many were played in the time: none of them is a match, and a diagnosis says so and what to do."""
    monkeypatch.setenv("RACY", "yes")
    chosen = options(stage="simulated", seed=1, defects=None, target=TARGET, histories=None)
    known = Diagnosis(signature_of(parse(["a line that this service never writes"]), chosen.profile.contract))
    drills = [drill for drill in find(["drills"]) if drill.name == "two_sessions"]
    await explore(known, chosen, Explored(drills=drills, for_s=5.0, jobs=1))
    assert known.notes == [
        f"{known.played} runs in other orders showed nothing like it; give it more with --for"
    ]
    assert not known.matches
