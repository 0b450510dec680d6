"""`shakeout load` from the command line: what it shows, writes, and refuses."""

import json
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.load import knee, validity


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, and a machine that may be slow."""
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFT_S_LEAST", "STILL_S_MAX", "STILL_S_LEAST", "CPU_MAX"):
        monkeypatch.setattr(validity, name, 30.0)


def test_a_run_is_shown_and_written_and_is_a_baseline_of_the_next(shakeout: Any, tmp_path: Path) -> None:
    """The gates in the terminal, as JUnit, JSON and a page; what was kept is what the next run is compared with."""
    gates = ("--gate", "error_rate < 10%", "--gate", "p95 < 5s")
    first = ("load", "--for", "2s", "--rate", "50", *gates, "--history", "kept")
    code, said, _ = shakeout(*first, "--json", "o.json", "--junit", "o.xml", "--html", "o.html")
    told = json.loads((tmp_path / "o.json").read_text())
    assert (code, told["verdict"], told["kind"]) == (0, "passed", "load"), said
    assert [gate["name"] for gate in told["gates"]] == ["error_rate < 10%", "p95 < 5s"]
    assert [case.get("name") for case in ET.parse(tmp_path / "o.xml").iter("testcase")] == [
        "error_rate < 10%",
        "p95 < 5s",
    ]
    assert float(ET.parse(tmp_path / "o.xml").getroot().get("time", "0")) == pytest.approx(
        told["elapsed_s"], abs=0.01
    )
    assert "error_rate &lt; 10%" in (tmp_path / "o.html").read_text()
    assert "latency in ms" in said
    code, said, _ = shakeout("load", "--for", "2s", "--rate", "50", *gates, "--baseline", "kept")
    assert (code, "p99 not above its baseline by 5%" in said) == (4, True), said


def test_a_gate_that_cannot_be_read_is_shown_with_a_caret_under_the_place(shakeout: Any) -> None:
    """What is wrong, the gate, and where."""
    code, _, complaint = shakeout("load", "--gate", "p98 < 2s")
    assert code == 2
    assert complaint.splitlines() == [
        "shakeout: there is no metric p98; did you mean p99?",
        "  p98 < 2s",
        "  ^",
    ]


def test_a_limit_that_nothing_can_keep_is_refused(shakeout: Any) -> None:
    """No request takes no time."""
    code, _, complaint = shakeout("load", "--plan", "--gate", "p99 < 0s")
    assert (code, "a limit of a duration is above 0" in complaint) == (2, True)


def test_the_gates_of_the_project_stand_in_the_place_of_the_success_criteria(
    shakeout: Any, tmp_path: Path
) -> None:
    """What [tool.shakeout] says is planned with; what the command line says comes first."""
    (tmp_path / "pyproject.toml").write_text('[tool.shakeout]\ngates = ["p95 < 1s"]\n')
    assert "p95 < 1s" in shakeout("load", "--plan")[1]
    assert "p95 < 1s" not in shakeout("load", "--plan", "--gate", "p99 < 1s")[1]


def test_what_a_verdict_needs_is_said_and_nothing_is_sent(shakeout: Any) -> None:
    """Requests and seconds, looked at once and until decided."""
    code, said, _ = shakeout("load", "--plan", "--rate", "100", "--gate", "error_rate < 0.1%")
    assert code == 0
    assert "2,995" in said
    assert "3,130" in said
    assert "at 100/s: 30 s, and 31 s until decided" in said


def test_what_a_phase_cannot_prove_is_said_before_it_is_run(shakeout: Any) -> None:
    """A gate that needs more requests than its phase has never decides; how long users take is the service's to say."""
    short = ("--phase", "short 2s 10/s", "--gate", "p99 @phase=short < 1s")
    code, said, _ = shakeout("load", "--plan", *short)
    assert (code, "never" in said, "a phase has fewer requests than its gate needs" in said) == (
        0,
        True,
        True,
    )
    said = shakeout("load", "--plan", "--users", "5")[1]
    assert ("after" in said, "users wait for their answers" in said) == (False, True)


def test_the_highest_rate_is_looked_for_under_the_same_gates(
    shakeout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that keeps no such latency passes at no rate: the answer is a failure that names the lowest one tried."""
    monkeypatch.setattr(knee, "DOWN_STEPS_MAX", 1)
    search = (
        "load",
        "--find-knee",
        "--rate",
        "20",
        "--for",
        "3s",
        "--gate",
        "p50 < 0.01ms",
        "--gate",
        'log("done") == 0',
        "--without-log",
        "--json",
        "k.json",
    )
    code, said, _ = shakeout(*search)
    told = json.loads((tmp_path / "k.json").read_text())
    assert (code, told["kind"], told["verdict"]) == (1, "knee", "failed"), said
    assert told["highest_passing_per_s"] is None
    assert [step["rate_per_s"] for step in told["steps"]] == [20, 10]
    assert told["unwitnessed"] == ['log("done") == 0']
    assert 'not judged, by --without-log: log("done") == 0' in said
    again = next(line for line in said.splitlines() if line.startswith("again: shakeout "))
    assert again == f"again: {told['replay']}"
    assert shakeout(*shlex.split(again)[2:])[0] == 1


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("--find-knee", "--users", "5"), "leave --users, --phase and --scenario out"),
    (("--find-knee", "--requests", "500"), "leave --requests and --until-decided out"),
    (("--find-knee", "--until-decided"), "leave --requests and --until-decided out"),
    (("--scenario", "backoff_blocks_loop"), "say what is, such as"),
    (("--phase", "ramp 5"), "it is written NAME TIME RATE"),
    (("--against", "none.toml"), "none.toml: "),
    (("--bind", "\u00e9" * 70 + ":5557"), "; choose another"),
    (("--gate", 'log("done") increases'), "give --baseline with a gate of `increases`"),
    (("--find-knee", "--for", "3s", "--max", "20s"), "--max is for --until-decided and --find-knee"),
    (("--until-decided", "--max", "soon"), "--max soon: a duration is"),
    (("--max", "20s"), "--max is for --until-decided and --find-knee"),
    (("--rate", "inf"), "--rate inf: give more than 0 requests a second, at most 20000"),
    (("--rate", "0"), "--rate 0: give more than 0 requests a second"),
    (("--rate", "-5"), "--rate -5: give more than 0 requests a second"),
    (("--gate", "ttft_p95 < 1s"), "only a stream has a first token; add --streams"),
    (("--plan", "--gate", "p95 @phase=x < 1s"), "there is no phase x; there are: load"),
    (("--gate", "p95 @endpoint=x < 1s"), "there is no endpoint x; there are: POST /workflow/execute"),
    (("--gate", "p95 @scenario=x < 1s"), "there is no scenario x; there are: conversations"),
])  # fmt: skip
def test_what_does_not_go_together_is_one_line(
    shakeout: Any, arguments: tuple[str, ...], complaint: str
) -> None:
    """With the remedy, exit code 2, and before anything is started."""
    code, _, complained = shakeout("load", *arguments)
    assert (code, complained.count("\n")) == (2, 1)
    assert complaint in complained
