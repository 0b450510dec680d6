"""`shakeout run --html`: the page of a run, made of its histories."""

import json
import re
from pathlib import Path

import pytest

TARGETS = Path(__file__).parent.parent / "targets"
PROFILE = str(TARGETS / "profile.toml")
SCENARIO = '''"""Two turns of one conversation."""

from harness.scenario import Scenario, Turn

SCENARIO = Scenario(steps=(Turn(session="a", message="Hello {canary}"), Turn(session="a", message="And {canary}?")))
'''


@pytest.fixture
def scenario(monkeypatch, tmp_path) -> str:
    """A scenario of two turns, in a folder of its own, beside the small app."""
    monkeypatch.syspath_prepend(str(TARGETS))
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "two_turns.py"
    place.write_text(SCENARIO)
    return str(place)


def run(shakeout, scenario: str, *more: str) -> tuple[int, str]:
    """Plays the scenario against an app that asks no provider."""
    code, _, err = shakeout("run", scenario, "--target", PROFILE, "--defect", "deaf", "--quiet", *more)
    return code, err


def test_a_run_writes_its_page_and_keeps_no_history(shakeout, scenario, tmp_path) -> None:
    """The page has the turns with their messages and the violation where it happened; nothing else is left."""
    page = tmp_path / "new" / "page.html"
    assert run(shakeout, scenario, "--html", str(page)) == (1, "")
    text = page.read_text()
    (chart,) = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    turns = [item for item in chart["items"] if item[5] == "POST /turn 200" and "message: Hello" in item[6]]
    assert len(turns) == 1
    numbers = {number for number, name in chart["violations"] if name == "degradation.explained"}
    assert {chart["items"][number][5] for number in numbers} == {"POST /turn 200"}
    assert "two_turns, faulted" in text
    assert {path.name for path in tmp_path.iterdir()} == {"new", "two_turns.py"}


def test_a_run_may_keep_its_histories_beside_its_page(shakeout, scenario, tmp_path) -> None:
    """With `--history` the page is made of what is kept there."""
    kept = tmp_path / "kept"
    assert run(shakeout, scenario, "--html", str(tmp_path / "page.html"), "--history", str(kept))[0] == 1
    (history,) = kept.iterdir()
    assert "two_turns, faulted" in (tmp_path / "page.html").read_text()
    assert history.name == "two_turns.simulated.deaf.seed1.faulted.jsonl"


def test_a_place_or_a_pattern_that_cannot_be_used_is_said_before_anything_is_run(
    shakeout, scenario, tmp_path
) -> None:
    """A folder is no place for a page, and a pattern of the user's that is none is named; nothing is played."""
    code, err = run(shakeout, scenario, "--html", str(tmp_path))
    assert (code, "is no regular file" in err) == (2, True)
    (tmp_path / "pyproject.toml").write_text("[tool.shakeout.redact]\npatterns = ['([']\n")
    code, err = run(shakeout, scenario, "--html", str(tmp_path / "page.html"))
    assert (code, "pattern '(['" in err) == (2, True)
    assert not (tmp_path / "page.html").exists()
