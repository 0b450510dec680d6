"""`shakeout reproduce` from the command line: the plan's own log excerpts, and input that is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.commands.reproduce import as_word
from harness.scenario import load

EXCERPTS = {
    "async_context_skip": (
        "intent_classifier WARNING conversation_aware_classification_skipped async_context_detected "
        "fallback=structured_llm\n"
    ),
    "success_logged_on_500": (
        "universal_framework.safe_mode INFO api_request_complete status_code=500 success=true\n"
        'INFO: "POST /workflow/execute HTTP/1.1" 500 Internal Server Error\n'
    ),
    "history_lost": (
        "session_debug INFO new_session_initialized workflow_phase=INITIALIZATION\n"
        "conversation_debug INFO conversation_context_built has_history=false\n"
    ),
}
"""What the plan that started this holds as evidence, line by line as it stands there, and the mistake behind each."""

HEALTHY = """\
session_debug INFO new_session_initialized workflow_phase=INITIALIZATION request_id=a
conversation_debug INFO conversation_context_built has_history=false messages_count=0 request_id=a
intent_classifier INFO conversation_aware_classification_success elapsed_ms=20.0 request_id=a
universal_framework.safe_mode INFO api_request_complete status_code=200 success=true outcome=ok request_id=a
INFO:     127.0.0.1:59872 - "POST /workflow/execute HTTP/1.1" 200 OK
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mistake", EXCERPTS)
def test_an_excerpt_of_the_plan_becomes_a_scenario_that_fails(
    shakeout: Any, tmp_path: Path, mistake: str
) -> None:
    """From these lines alone: the mistake is ranked first, the file fails with it, and passes without."""
    Path("incident.log").write_text(EXCERPTS[mistake])
    code, said, _ = shakeout(
        "reproduce", "incident.log", "-o", "found.py", "--json", "told.json", "--for", "10m"
    )
    assert code == 0, said
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["schema"], told["kind"], told["verdict"]) == (1, "reproduce", "reproduced")
    assert (told["causes"][0]["name"], told["file"]) == (mistake, "found.py")
    assert told["assumptions"]
    scenario = load(Path("found.py"))
    assert scenario.defects == (mistake,)
    assert EXCERPTS[mistake].split()[2] in (tmp_path / "found.py").read_text()
    assert shakeout("run", "found.py", "--defect", mistake)[0] == 1
    assert shakeout("run", "found.py")[0] == 0


def test_a_healthy_log_reproduces_nothing(shakeout: Any, tmp_path: Path) -> None:
    """Nothing is invented: no file, exit code 4, and the nearest miss with what it lacks."""
    Path("healthy.log").write_text(HEALTHY)
    code, said, _ = shakeout(
        "reproduce", "healthy.log", "--json", "told.json", "--for", "10s", "--stage", "simulated"
    )
    assert (code, sorted(path.name for path in tmp_path.iterdir())) == (4, ["healthy.log", "told.json"]), said
    assert json.loads((tmp_path / "told.json").read_text())["verdict"] == "undecided"
    assert "nothing reproduces it" in said


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        (b"", (), "it is empty"),
        (b"\0\1\2" * 100, (), "it is no text"),
        (b"one line\n", ("-o", "there.py"), "there.py: is there already; choose another name"),
        (b"one line\n", ("-o", "found.txt"), "a scenario file ends in .py"),
        (b"one line\n", ("--for", "0s"), "--for 0s: must be above 0"),
        (b"one line\n", ("--for", "soon"), "a duration is a number"),
        (b"one line\n", ("--stage", "moon"), "no stage is called moon"),
        (b"one line\n", ("--target", "no.toml"), "no.toml"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    shakeout: Any, tmp_path: Path, content: bytes, options: tuple[str, ...], complaint: str
) -> None:
    """A usage error says what is wrong before anything is played, and leaves the file that is there alone."""
    Path("incident.log").write_bytes(content)
    Path("there.py").write_text("mine")
    code, said, complained = shakeout("reproduce", "incident.log", *options)
    assert (code, said) == (2, "")
    assert complaint in complained
    assert len(complained.splitlines()) == 1
    assert Path("there.py").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incident.log", "there.py"]


def test_a_log_that_is_not_there_is_refused(shakeout: Any) -> None:
    """So is a log that nobody can read."""
    code, _, complained = shakeout("reproduce", "nowhere.log")
    assert code == 2
    assert "there is no such file" in complained


def test_a_path_is_no_option_whatever_it_begins_with() -> None:
    """The line that plays it again is read as it was meant."""
    assert as_word(Path("-x.log")) == "./-x.log"
    assert as_word(Path("logs/-x.log")) == "logs/-x.log"
