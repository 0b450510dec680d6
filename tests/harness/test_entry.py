"""Whatever is not foreseen ends with exit code 3 and a line: 1 would say that a service has failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = Path(__file__).parent / "targets"
BROKEN = """
import sys
from harness import entry
from harness.commands import list_things

def raise_it(*_):
    {statement}

list_things.library.find = raise_it
sys.argv = ["shakeout", "list", "scenarios"]
entry.main()
"""


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `shakeout` is this one."""
    line = command.replace("shakeout", f"{sys.executable} -m harness.entry")
    environment = {**os.environ, "PYTHONPATH": str(SMALL)}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "raise RuntimeError('unforeseen')",
        "raise ExceptionGroup('several', [ValueError('unforeseen')])",
        "raise BaseExceptionGroup('several', [GeneratorExit('unforeseen')])",
        "raise OSError(28, 'unforeseen')",
    ],
)
def test_a_bug_of_ours_is_no_verdict(statement: str) -> None:
    """Any exception shows its traceback, then says in one line whose mistake it is, and ends with exit code 3."""
    code = BROKEN.replace("{statement}", statement)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    *trace, last = ran.stderr.splitlines()
    assert ran.returncode == 3
    assert "unforeseen" in "\n".join(trace)
    assert last.startswith("shakeout: ")
    assert last.endswith("this is a bug of shakeout, and says nothing of the target")


@pytest.mark.parametrize("command", ["shakeout list faults", "shakeout --help"])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{} > /dev/full", "No space left on device"),
        ("{} | (exec 0<&-; wait) ; exit ${{PIPESTATUS[0]}}", "Broken pipe"),
    ],
)
def test_output_that_cannot_be_written_is_told(tmp_path: Path, command: str, line: str, said: str) -> None:
    """A full disk and a reader that went away are one line and exit code 3, also for what the parser writes."""
    ran = shell(line.format(command), tmp_path)
    assert ran.returncode == 3
    assert ran.stderr.startswith(f"shakeout: standard output: {said}")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("shakeout list faults >&-", 0),
        ("shakeout list faults >&- 2>&-", 0),
        ("shakeout run nothing 2>&-", 2),
        ("shakeout run nothing 2>/dev/full", 2),
    ],
)
def test_a_stream_that_is_closed_changes_no_exit_code(tmp_path: Path, line: str, code: int) -> None:
    """Who closes standard output wants the exit code alone, and gets it."""
    ran = shell(line, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool]\nshakeout = 1", "shakeout is no table; write target = '...' under [tool.shakeout]"),
        ("tool = 1", "tool is no table"),
        (
            "[tool.shakeout]\ntraget = 'x.toml'",
            "[tool.shakeout] has no key traget; there are: target, redact, gates",
        ),
        ("[tool.shakeout]\ntarget = 5", "target = 5: a target is a text"),
        ("[tool.shakeout]\ntarget = ''", "target = '': a target is a text"),
        ("[tool.shakeout", "mend it, or give --target"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(tmp_path: Path, text: str, said: str) -> None:
    """What stands in [tool.shakeout] is held to what there is: a misspelt key is no silent default."""
    (tmp_path / "pyproject.toml").write_text(text)
    ran = shell("shakeout list defects", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("shakeout: pyproject.toml: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
