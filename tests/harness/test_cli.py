"""The command line: one line for each mistake of a user, the right exit code, and documents with the promised keys."""

import asyncio
import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer

from harness.commands import run
from harness.scenario import Scenario
from harness.verdict import ScenarioVerdict, Verdict

SMALL = Path(__file__).parent / "targets"
PROFILE = str(SMALL / "profile.toml")
SCENARIO = '''"""Two turns."""
from harness.scenario import Scenario, Turn
SCENARIO = Scenario(steps=(Turn(), Turn()), stages=("simulated",){more})
'''


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The small service can be imported."""
    monkeypatch.syspath_prepend(str(SMALL))


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario of two turns, and more where asked."""

    def write(more: str = "") -> str:
        path = tmp_path / "two_turns.py"
        path.write_text(SCENARIO.replace("{more}", more))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], "no scenario is called nothing; there are: "),
        (["run", "none.py"], "none.py: no such scenario file"),
        (["run", ""], "a scenario has an empty name"),
        (["run", str(SMALL)], "there is no scenario below "),
        (["run", "--json", str(SMALL)], "is no regular file; choose another name"),
        (["run", "--json", ""], "a file or folder has an empty name"),
        (["run", "--history", __file__], "File exists; choose a place that can be written"),
        (["run", "--history", "/proc/x/y"], "choose a place that can be written"),
        (["load", "--history", "/proc/x/y"], "choose a place that can be written"),
        (["run", "--target", ""], "the target has an empty name"),
        (["matrix", "nothing"], "no scenario is called nothing; there are: "),
        (["serve", "--port", "9", "--provider-port", "9"], "the app and the provider cannot share it"),
        (["run", "--stage", "staging"], "no stage is called staging; there are: simulated, live"),
        (["run", "--stage", "live", "--policy", "pct"], "--policy pct is for simulated runs"),
        (["run", "--hash-seeds"], "--hash-seeds belongs to --check-determinism"),
        (["run", "--policy", "dice"], "no policy is called dice; there are: fifo, random, pct"),
        (["run", "--defect", "nothing"], "reference_app has no defect nothing; it has: "),
        (["run", "--target", "http://127.0.0.1:9"], "give --stage live"),
        (["run", "--target", "http://shop.test:9", "--stage", "live"], "give --allow-host shop.test"),
        (["run", "--target", "nothing"], "a target is PACKAGE:FILE.toml"),
        (["run", "--target", "none.toml"], "none.toml: "),
        (["run", "--target", "no_such_module:create", "history_lost"], "No module named 'no_such_module'"),
        (["load", "--requests", "0"], "requests=0: must be at least 1"),
        (["load", "--for", "soon"], "--for soon: a duration is a number"),
        (
            ["load", "--requests", "5", "--for", "5s"],
            "give one of --requests, --for, --until-decided and --phase",
        ),
        (["load", "--rate", "0"], "give more than 0"),
        (["load", "--bind", "nowhere"], "give a host and a port"),
        (["load", "--scenario", "two_sessions"], "give one scenario that has faults"),
        (["load", "--baseline", "a", "--find-knee"], "ask one of them"),
        (["load", "--baseline", "no/such/folder"], "name the load-frames.jsonl"),
        (["load", "--users", "0"], "users=0: must be at least 1"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_2(shakeout, arguments, said):
    """What does not exist or is out of range is told in one line with the remedy, and nothing is run."""
    code, out, err = shakeout(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_port_in_use_is_refused_before_anything_starts(shakeout):
    """A port that somebody has is named, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = shakeout("serve", "--port", port)
    assert code == 2
    assert f"port {port}: Address already in use; choose another" in err


def test_an_app_that_dies_at_its_start_is_told_in_one_line(shakeout, scenario):
    """The last word of the app is shown, and the exit code is that of a usage error."""
    code, _, err = shakeout(
        "run", scenario(), "--target", PROFILE, "--stage", "simulated", "--defect", "dies"
    )
    assert code == 2
    assert (
        err == f"shakeout: {PROFILE}:2: small did not start: RuntimeError: the configuration is missing; "
        "mend small_app:create, or play it live: give --stage live\n"
    )


def test_a_run_that_passes_writes_what_was_promised(shakeout, scenario, tmp_path):
    """Exit 0, a table, and JSON of schema 1 with every promised key; JUnit and the history are there too."""
    document, junit, kept = tmp_path / "out.json", tmp_path / "out.xml", tmp_path / "kept"
    code, out, err = shakeout(
        *("run", scenario(), "--target", PROFILE, "--stage", "simulated", "--seed", "7"),
        *("--json", str(document), "--junit", str(junit), "--history", str(kept)),
    )
    said = json.loads(document.read_text())
    assert (code, err) == (said["verdict"] == "undecided" and 4, "")  # undecided where this machine was slow
    assert "two_turns" in out
    assert (said["schema"], said["kind"], said["seed"], said["target"], said["stage"]) == (
        1,
        "run",
        7,
        "small",
        "simulated",
    )
    (result,) = said["scenarios"]
    assert result["name"] == "two_turns"
    assert result["violations"] == []
    assert result["control"] == "none"
    assert result["faults_fired"] == {}
    assert ET.parse(junit).getroot().attrib["tests"] == "1"
    assert [path.name for path in kept.iterdir()] == ["two_turns.simulated.seed7.faulted.jsonl"]


def test_a_run_that_fails_names_invariant_and_evidence(shakeout, scenario, tmp_path):
    """Exit 1, the invariant with its evidence on the terminal, in JSON and in JUnit."""
    document, junit = tmp_path / "out.json", tmp_path / "out.xml"
    code, out, _ = shakeout(
        *("run", scenario(), "--target", PROFILE, "--stage", "simulated", "--defect", "deaf"),
        *("--json", str(document), "--junit", str(junit)),
    )
    assert code == 1
    assert "degradation.explained: says first, but the provider saw no such call" in out
    assert "--defect deaf" in out
    (result,) = json.loads(document.read_text())["scenarios"]
    assert {violation["invariant"] for violation in result["violations"]} == {"degradation.explained"}
    assert ET.parse(junit).getroot().find(".//failure") is not None


def test_a_replay_reproduces_the_verdict_from_another_folder(tmp_path):
    """What a failing scenario of a relative path says after `again:`, run elsewhere, fails for the same reason."""
    here, elsewhere = tmp_path / "my scenarios", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    (here / "two turns.py").write_text(SCENARIO.replace("{more}", ""))
    (here / "small.toml").write_text(Path(PROFILE).read_text())
    (here / "pyproject.toml").write_text("[tool.shakeout]\ntarget = 'small.toml'\n")

    def ran(folder: Path, arguments: list[str]) -> tuple[int, dict[str, Any]]:
        document = tmp_path / "out.json"
        command = [sys.executable, "-m", "harness.entry", *arguments, "--quiet", "--json", str(document)]
        code = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(SMALL)}, check=False)
        (result,) = json.loads(document.read_text())["scenarios"]
        return code.returncode, result

    stage = ["--stage", "simulated", "--seed", "7"]
    code, first = ran(here, ["run", "two turns.py", *stage, "--defect", "deaf"])
    shakeout, *arguments = shlex.split(first["replay"])
    assert (code, shakeout) == (1, "shakeout")
    again, second = ran(elsewhere, arguments)
    assert again == 1
    assert second["replay"] == first["replay"]
    assert {found["invariant"] for found in second["violations"]} == {"degradation.explained"}


def test_quiet_says_nothing(shakeout, scenario):
    """With --quiet the exit code is all."""
    _, out, err = shakeout("run", scenario(), "--target", PROFILE, "--stage", "simulated", "--quiet")
    assert (out, err) == ("", "")


def test_a_scenario_for_another_stage_is_refused(shakeout, scenario):
    """A scenario that says where it can be played is not played elsewhere."""
    code, _, err = shakeout("run", scenario(), "--target", PROFILE, "--stage", "live")
    assert code == 2
    assert "nothing to play in live: two_turns is played in simulated; give --stage simulated" in err


def test_a_place_that_cannot_be_written_is_told(shakeout, scenario, tmp_path):
    """A report that cannot be written is a usage error in one line, and nothing half-written is left."""
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "out.json")  # below a file, so that even root cannot write there
    options = ("--target", PROFILE, "--stage", "simulated", "--quiet", "--json", place)
    code, _, err = shakeout("run", scenario(), *options)
    assert code == 2
    assert "choose a place that can be written" in err


@pytest.mark.parametrize("kind", ["faults", "invariants", "scenarios", "defects", "gates", "properties"])
def test_there_is_something_of_every_kind(shakeout, kind):
    """Each list has rows, and each row has its one line."""
    code, out, _ = shakeout("list", kind)
    rows = [line for line in out.splitlines()[1:] if line.strip()]
    assert code == 0
    assert len(rows) >= 5
    assert all(len(row.split()) > 2 for row in rows)


@pytest.mark.parametrize(("kind", "told"), [
    ("scenarios", "(under provider.rate_limited)"),
    ("invariants", "(under provider.client_error)"),
    ("gates", "METRIC [@scenario=NAME] [@endpoint=NAME] [@phase=NAME] OP LIMIT [alpha=A] [min_n=N] [abort]"),
])  # fmt: skip
def test_what_another_command_wants_of_them_is_listed_too(shakeout, kind, told):
    """Which scenarios have faults, as `load --scenario` wants, and how a gate is written, as `--gate` does."""
    assert told in " ".join(shakeout("list", kind)[1].split())


def test_the_matrix_plays_the_scenarios_that_are_named(shakeout, scenario, tmp_path, monkeypatch):
    """Given a file, the matrix plays that file alone against the defects of the target, and its replay names it."""
    (tmp_path / "one_defect.py").write_text(
        "from small_app import DEFECTS as ALL\nDEFECTS = {'deaf': ALL['deaf']}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    profile, document = tmp_path / "one.toml", tmp_path / "out.json"
    profile.write_text(Path(PROFILE).read_text().replace("small_app:DEFECTS", "one_defect:DEFECTS"))
    path = scenario(', defects=("deaf",)')
    shakeout(
        *("matrix", path, "--target", str(profile), "--stage", "simulated", "--json", str(document)),
        *("--history", str(tmp_path / "kept")),
    )
    said = json.loads(document.read_text())
    assert [result["name"] for result in said["scenarios"]] == ["two_turns"]
    assert [(defect["name"], defect["caught"]) for defect in said["defects"]] == [("deaf", True)]
    assert said["replay"] == f"shakeout matrix {path} --stage simulated --seed 1 --target {profile}"
    assert {kept.name for kept in (tmp_path / "kept").iterdir()} == {
        "two_turns.simulated.seed1.faulted.jsonl",
        "two_turns.simulated.deaf.seed1.faulted.jsonl",
    }


def test_scenarios_are_played_a_few_at_a_time(monkeypatch):
    """Two are under way together, and the table has them in the order in which they were named."""
    under_way, most, met = 0, 0, asyncio.Barrier(2)

    async def meeting(_play: object, scenario: Scenario, _options: object) -> ScenarioVerdict:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await met.wait()
        under_way -= 1
        return ScenarioVerdict(name=scenario.name, verdict=Verdict.PASSED, reasons=(), replay="")

    named = ["retry_held_twice", "history_lost", "key_in_error", "fallback_unnamed"]
    shown: list[ScenarioVerdict] = []
    monkeypatch.setattr(run, "run_on", meeting)
    monkeypatch.setattr(run, "_show", lambda results, *_, **__: shown.extend(results))
    with pytest.raises(typer.Exit):
        run.command(named, stage="live", jobs=2)
    assert most == 2
    assert [one.name for one in shown] == named


def test_where_runs_would_meet_only_one_is_played_at_a_time(shakeout, scenario, tmp_path):
    """A service with one log for all refuses more, and is played one at a time where nothing was said."""
    profile = tmp_path / "profile.toml"
    profile.write_text('log = "the.log"\n' + Path(PROFILE).read_text())
    code, _, err = shakeout("run", scenario(), "--target", str(profile), "--jobs", "2")
    assert code == 2
    assert "the runs would meet in one service or one log" in err
