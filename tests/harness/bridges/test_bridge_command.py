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

from harness import cli
from harness.bridges.adapter import Context
from harness.bridges.peers import PEERS
from harness.bridges.results import BridgeResult, Cell, CellVerdict
from harness.commands.bridge import OURS, asked
from harness.commands.common import Output
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
    assert said.endswith("\npassed: sound: 0 failed, 0 hung, 0 invalid of 5 cells\n")
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
    assert 0 < details["A1/no_loop"]["seconds"] < 10


def test_a_failure_is_exit_code_1_with_its_context_and_reason(shakeout: Run) -> None:
    """Contexts that failed for the same reason share a line, and one bad bridge among good ones decides."""
    code, said, _ = shakeout("broken_bridges:Sound", "broken_bridges:Uncancelled", "--property", "B3")
    assert code == 1
    assert "  B3/no_loop, worker, on_loop, portal fail: the call returned None\n" in said
    assert "\nfailed: sound, sound: 4 failed, 0 hung, 0 invalid of 8 cells\n" in said


def test_what_nothing_was_said_of_is_exit_code_3(shakeout: Run) -> None:
    """A bridge to which nothing that was asked for applies has proved nothing."""
    assert shakeout("broken_bridges:Duck", "--property", "B3", "--quiet") == (0, "", "")
    code, said, _ = shakeout("broken_bridges:Duck", "--property", "A2")
    assert code == 3
    assert "\ninvalid: duck: 0 failed, 0 hung, 0 invalid of 2 cells\n" in said


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
    assert (named.spec, named.required) == (PEERS["fix1"], True)


def test_the_table_shows_the_worst_and_details_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A letter is the worst of all contexts; a crash shows its last line, a long reason both ends, a missing peer why."""
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
    assert re.search(r"^a bridge +HR +F!-D +1 +1 +1\.2 *$", table, re.MULTILINE)
    assert rest[0].splitlines() == [
        "a bridge failed",
        "  A1/worker hang: still running",
        f"  B1/worker fail: begins {'-' * 73} ... {'-' * 75} ends",
        "  B2/worker invalid: KeyError: [x]",
        "  B4/worker declared: measured: fail",
    ]
    assert rest[1] == "another not installed: No module named 'c'\n"


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


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interruption_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end every cell, remove its files, and are told in one line."""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    os.mkfifo(ready)
    run = subprocess.Popen(
        [sys.executable, "-m", "harness.entry", "bridge", "broken_bridges:Waits", "--property", "A1"],
        env={**os.environ, "TMPDIR": str(place), "BRIDGE_READY": str(ready)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    child = int(ready.read_text())
    run.send_signal(number)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (
        code,
        "shakeout: interrupted; everything that was started has been ended\n",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert list(place.iterdir()) == []
