"""The command line as a fixture, for every folder that runs it."""

import sys
from collections.abc import Callable

import pytest

from harness import cli


@pytest.fixture
def shakeout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command with arguments; gives its exit code, its output, and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shakeout", *arguments])
        code = cli.execute()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
