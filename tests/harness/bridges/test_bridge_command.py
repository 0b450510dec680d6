"""`shakeout bridge`: its exit codes, its document, its table, its usage errors, and what is left when it is interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from interruptions import leaves_nothing

from harness import cli
from harness.bridges.adapter import Context
from harness.bridges.peers import PEERS
from harness.bridges.results import BridgeResult, Cell, CellVerdict
from harness.commands.bridge import OURS, asked
from harness.commands.common import Output, interruptible
from harness.reports import bridge as report

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shakeout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with arguments; gives its exit code, its output, and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shakeout", "bridge", *arguments])
        code = cli.execute()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_bridge_of_ones_own_is_judged(shakeout: Run, tmp_path: Path) -> None:
    """A pass is exit code 0, a row with a letter for each property, and a document with every cell and its seconds."""
    place = tmp_path / "result.json"
    code, said, errors = shakeout(
        "broken_bridges:Sound", "--property", "A1", "--property", "B3", "--json", str(place)
    )
    assert (code, errors) == (0, "")
    assert re.search(
        r"^bridge +A1 +B3 +failed +hung +version *\nsound +\. +\. +0 +0 +- *$", said, re.MULTILINE
    )
    assert said.endswith("\npassed: sound: 0 failed, 0 hung, 0 invalid; 5 judged, 0 not applicable\n")
    document = json.loads(place.read_text())
    (bridge,) = document.pop("bridges")
    assert document == {
        "schema": 1,
        "kind": "bridge",
        "verdict": "passed",
        "replay": "shakeout bridge broken_bridges:Sound --property=A1 --property=B3",
        "python": document["python"],
    }
    details = bridge.pop("details")
    assert bridge == {
        "name": "sound",
        "version": "-",
        "adapter": "broken_bridges:Sound",
        "missing": "",
        "cells": dict.fromkeys(("A1/no_loop", "B3/no_loop", "B3/worker", "B3/on_loop", "B3/portal"), "pass"),
        "failed": 0,
        "hung": 0,
        "invalid": 0,
    }
    assert details.keys() == bridge["cells"].keys()
    assert isinstance(details["A1/no_loop"]["seconds"], float)


def test_a_failure_is_exit_code_1_with_its_context_and_reason(shakeout: Run) -> None:
    """Contexts that failed for the same reason share a line, and one bad bridge among good ones decides."""
    code, said, _ = shakeout("broken_bridges:Sound", "broken_bridges:Uncancelled", "--property", "B3")
    assert code == 1
    assert "  B3/no_loop, worker, on_loop, portal fail: the call returned None\n" in said
    assert "\nfailed: sound, sound: 4 failed, 0 hung, 0 invalid; 8 judged, 0 not applicable\n" in said


def test_what_nothing_was_said_of_is_exit_code_3(shakeout: Run) -> None:
    """A bridge to which nothing that was asked for applies has proved nothing, and it is said why nothing did."""
    assert shakeout("broken_bridges:Duck", "--property", "B3", "--quiet") == (0, "", "")
    code, said, _ = shakeout("broken_bridges:Duck", "--property", "A2", "--property", "D1")
    assert code == 3
    assert (
        "\n\nduck invalid\n  nothing applied: not a context of this bridge (A2/on_loop, A2/portal, D1/w"
        in said
    )
    assert "  nothing applied: takes no timeout (D1/no_loop)\n" in said
    assert "\ninvalid: duck: 0 failed, 0 hung, 0 invalid; 0 judged, 6 not applicable\n" in said
    assert said.endswith("\nagain: shakeout bridge broken_bridges:Duck --property=A2 --property=D1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["nothing"],
            "'nothing' is no bridge: give MODULE:NAME of an adapter, or one of shakeout, shakeout-block,",
        ),
        ([":Sound"], "':Sound' is no bridge"),
        (["broken_bridges:"], "'broken_bridges:' is no bridge"),
        (
            ["broken_bridges:Nothing"],
            "broken_bridges:Nothing: the module broken_bridges has no Nothing; give",
        ),
        (["needs_a_package:Peer"], "needs_a_package:Peer: not installed: ModuleNotFoundError"),
        (["needs_a_package:Peer", "--stress", "5"], "needs_a_package:Peer: not installed: ModuleNotFound"),
        (["needs_a_package:raises", "--stress", "5"], "needs_a_package:raises: TypeError: today not; mend"),
        (["broken_bridges:Duck", "--stress", "5", "--property", "Z9"], "--property chooses among cells, and"),
        (["broken_bridges:Duck", "--property", "Z9"], "'Z9' is no property; there are: A1, A2,"),
        (["broken_bridges:Duck", "--json", "/"], "/: is no regular file"),
    ],
)
def test_a_mistake_of_the_user_is_one_line_and_exit_code_2(
    shakeout: Run, arguments: list[str], said: str
) -> None:
    """What cannot be judged as asked is told with what would be right, before anything is played."""
    code, out, errors = shakeout(*arguments)
    assert (code, out) == (2, "")
    assert errors.startswith(f"shakeout: {said}")
    assert errors.count("\n") == 1


def test_without_a_name_it_is_about_ours_and_peers_may_be_missing() -> None:
    """Our rows must be there and come first; every peer is compared and none is required; rows have names."""
    every = asked([])
    assert [bridge.name for bridge in every] == [*OURS, *PEERS]
    assert [bridge.name for bridge in every if bridge.required] == list(OURS)
    (named,) = asked(["fix1", PEERS["fix1"]])
    assert (named.spec, named.name, named.required) == (PEERS["fix1"], "fix1", True)


def test_the_table_shows_the_worst_and_details_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A letter is the worst of all contexts; a crash shows its last line, a long reason both ends, a missing peer why.

    At the end of the details stands where one reads more: what is asked, and how a hang stood.
    """
    reason = f"begins {'-' * 300} ends"
    cells = (
        Cell(tried="A1", context=Context.NO_LOOP, verdict=CellVerdict.PASS),
        Cell(tried="A1", context=Context.WORKER, verdict=CellVerdict.HANG, reason="still running"),
        Cell(tried="A2", context=Context.ON_LOOP, verdict=CellVerdict.REFUSED, reason="await it"),
        Cell(tried="B1", context=Context.WORKER, verdict=CellVerdict.FAIL, reason=reason),
        Cell(tried="B2", context=Context.WORKER, verdict=CellVerdict.INVALID, reason="Trace\nKeyError: [x]"),
        Cell(tried="B3", context=Context.WORKER, verdict=CellVerdict.NOT_APPLICABLE, reason="no"),
        Cell(tried="B4", context=Context.WORKER, verdict=CellVerdict.DECLARED, reason="measured: fail"),
    )
    row = BridgeResult(name="a bridge", spec="a:b", version="1.2", cells=cells)
    gone = BridgeResult(name="another", spec="c:d", version="-", cells=(), missing="No module named 'c'")
    report.show(Output(), [row, gone], ["A1", "A2", "B1", "B2", "B3", "B4"])
    table, *rest = capsys.readouterr().out.split("\n\n")
    assert "A12" in table
    assert table.endswith("\na heading is a letter and its numbers: A123 are A1, A2 and A3")
    assert re.search(r"^a bridge +HR +F!-D +1 +1 +1\.2 *$", table, re.MULTILINE)
    assert rest[0].splitlines() == [
        "a bridge failed",
        "  A1/worker hang: still running",
        f"  B1/worker fail: begins {'-' * 73} ... {'-' * 75} ends",
        "  B2/worker invalid: KeyError: [x]",
        "  B4/worker declared: measured: fail",
    ]
    assert rest[1].splitlines() == [
        "where a hang stood: --json FILE holds its stacks",
        "what each asks: shakeout list properties",
    ]
    assert rest[2] == "another not installed: No module named 'c'\n"


def test_stress_is_told_and_written(shakeout: Run, tmp_path: Path) -> None:
    """`--stress` makes the calls instead of the cells, and its document is one of stress."""
    place = tmp_path / "stress.json"
    code, said, _ = shakeout("stress_adapters:Sound", "--stress", "300", "--seed", "5", "--json", str(place))
    assert code == 0
    assert said.startswith("stress_adapters:Sound\npassed: 300 calls")
    document = json.loads(place.read_text())
    assert (document["kind"], document["verdict"]) == ("bridge_stress", "passed")
    assert document["replay"] == "shakeout bridge stress_adapters:Sound --stress 300 --seed 5"
    assert [bridge["calls"] for bridge in document["bridges"]] == [300]


def test_a_stress_that_fails_is_told_by_the_name_that_was_given(shakeout: Run) -> None:
    """The heading is the row's own name, and what did not pass says how it is played again."""
    code, said, _ = shakeout("shakeout", "stress_adapters:LosesOne", "--stress", "1000")
    assert code == 1
    assert said.startswith("shakeout\npassed: 1,000 calls")
    assert "\nstress_adapters:LosesOne\nfailed: 1,000 calls" in said
    assert said.endswith(
        "\nagain: shakeout bridge shakeout stress_adapters:LosesOne --stress 1000 --seed 1\n"
    )


def test_a_name_may_be_any_text(tmp_path: Path) -> None:
    """What looks like markup in the name of an adapter is shown as it stands, in the progress and in the last line too."""
    (tmp_path / "marked.py").write_text(
        "import broken_bridges\n\nclass Marked(broken_bridges.Sound):\n    name = 'a[/b][red]'\n"
    )
    command = [sys.executable, "-m", "harness.entry", "bridge", "marked:Marked", "--property", "A1"]
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "PYTHONPATH": path, "FORCE_COLOR": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert ": a[/b][red]: 0 failed" in ran.stdout
    assert ": a[/b][red] A1/no_loop" in ran.stderr


def test_sync_work_is_interrupted_once_and_handlers_are_restored() -> None:
    """A second signal lets the block end what it has started; an ignored signal stays so; both are as they were after."""
    hangup, terminate = signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)
    ended: list[object] = []

    def work() -> None:
        try:
            ended.append(signal.getsignal(signal.SIGHUP))
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            ended.append("all")

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(typer.Exit) as exited, interruptible():
            work()
        assert (exited.value.exit_code, ended) == (143, [signal.SIG_IGN, "all"])
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGHUP, hangup)


@pytest.mark.parametrize("how", [("--property", "A1"), ("--stress", "1")])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interruption_leaves_nothing(tmp_path: Path, number: int, code: int, how: tuple[str, str]) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end every process, remove its files, and are told in one line."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    run = subprocess.Popen(
        [sys.executable, "-m", "harness.entry", "bridge", "broken_bridges:Waits", *how],
        env={**os.environ, "TMPDIR": str(place), "BRIDGE_READY": str(ready)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    leaves_nothing(run, ready, place, number=number, code=code)
