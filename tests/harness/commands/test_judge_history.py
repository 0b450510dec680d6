"""`shakeout judge` of what a run left: its history, and the log of the reference app in it, healthy and with a mistake."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from harness import cli, recording

SCENARIO, MISTAKE = "history_lost", "success_logged_on_500"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The histories of a healthy scenario, and of the one of a mistake with it: each is played once."""
    folder = tmp_path_factory.mktemp("histories")
    with pytest.MonkeyPatch.context() as patch:
        for words in ([SCENARIO], [MISTAKE, "--defect", MISTAKE]):
            patch.setattr(sys, "argv", ["shakeout", "run", *words, "--history", str(folder), "--quiet"])
            cli.execute()
    return {MISTAKE if MISTAKE in path.name else "": path for path in folder.glob("*.faulted.jsonl")}


@pytest.fixture
def kept(played: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy of the history without a mistake, or with the one named."""

    def copy(mistake: str = "") -> Path:
        return Path(shutil.copy(played[mistake], tmp_path))

    return copy


@pytest.fixture
def changed(kept: Callable[..., Path]) -> Callable[..., str]:
    """A history whose header says something else."""

    def write(**values: object) -> str:
        path = kept()
        first, rest = path.read_bytes().split(b"\n", 1)
        path.write_bytes(orjson.dumps({**orjson.loads(first), **values}) + b"\n" + rest)
        return str(path)

    return write


def log_of(history: Path) -> str:
    """The lines that the target wrote in a run, as a file of its own."""
    path = history.with_suffix(".log")
    path.write_text("".join(f"{record.text}\n" for record in recording.load(history.read_bytes()).logs))
    return str(path)


def test_a_healthy_history_and_its_log_are_not_accused(shakeout: Run, kept: Callable[..., Path]) -> None:
    """The history passes again; its log is too short for the error rate, and every gate but those on few requests passes."""
    history = kept()
    code, out, _ = shakeout("judge", str(history))
    assert code == 0
    assert f"{SCENARIO} (faulted)  passed" in out
    code, out, _ = shakeout("judge", log_of(history))
    verdicts = {row.split("  ")[0]: row for row in out.splitlines() if "  undecided  " in row}
    assert (code, set(verdicts)) == (4, {"error_rate < 0.1%", "latency p99 < 2 s"})
    assert "  failed  " not in out


def test_success_logged_on_a_500_is_named(shakeout: Run, kept: Callable[..., Path]) -> None:
    """With the mistake the history fails by its invariant, and the log alone by the contradiction and its line."""
    history = kept(MISTAKE)
    code, out, _ = shakeout("judge", str(history))
    assert (code, "logs.agree_with_wire" in out) == (1, True)
    code, out, _ = shakeout("judge", log_of(history))
    assert code == 1
    assert "log(completion status contradicts success) == 0, the first: app log line" in out


def test_the_documents_of_a_history_are_those_of_a_run(
    shakeout: Run, kept: Callable[..., Path], tmp_path: Path
) -> None:
    """JSON has the scenario with its violations and the invariants that were checked; JUnit has its case."""
    history = kept(MISTAKE)
    places = "--json", str(tmp_path / "j.json"), "--junit", str(tmp_path / "j.xml"), "--quiet"
    assert shakeout("judge", str(history), *places) == (1, "", "")
    document = json.loads((tmp_path / "j.json").read_text())
    (scenario,) = document["scenarios"]
    assert (document["kind"], document["verdict"], scenario["verdict"]) == ("judge", "failed", "failed")
    assert "logs.agree_with_wire" in {one["invariant"] for one in scenario["violations"]}
    assert len(scenario["checked"]) > 10
    assert 'failures="1"' in (tmp_path / "j.xml").read_text()


@pytest.mark.parametrize("option", [["--baseline", "x"], ["--follow"]])
def test_what_is_for_logs_is_refused_for_a_history(
    shakeout: Run, kept: Callable[..., Path], option: list[str]
) -> None:
    """A history has no baseline and does not grow: exit 2, one line."""
    code, out, err = shakeout("judge", str(kept()), *option)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "are for logs" in err


def test_a_history_that_is_cut_is_invalid(shakeout: Run, kept: Callable[..., Path]) -> None:
    """A history that breaks off in a line exits 3 in one line with its path."""
    history = kept()
    history.write_bytes(history.read_bytes()[:-100])
    code, out, err = shakeout("judge", str(history))
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(f"shakeout: {history}: ")


def test_a_history_of_an_unknown_scenario_is_judged_by_its_faults(
    shakeout: Run, changed: Callable[..., str]
) -> None:
    """A scenario that is not in the library, with a fault that never fired: judged by the fault, and invalid."""
    path = changed(scenario="of_a_user", declared=["provider.rate_limited#1", "store.commit_fails"])
    code, out, err = shakeout("judge", path)
    assert (code, err) == (3, "")
    assert "store.commit_fails never fired" in out


def test_a_history_with_an_unknown_fault_is_told(shakeout: Run, changed: Callable[..., str]) -> None:
    """A fault that this version does not have: exit 3, one line with its name."""
    code, out, err = shakeout("judge", changed(declared=["provider.gone"]))
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "no fault is called provider.gone" in err
