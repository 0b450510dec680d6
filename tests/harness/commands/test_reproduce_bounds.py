"""`shakeout reproduce` from the command line: logs with lines of any length, and little time."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.incidents.lab import Lab


@pytest.mark.timeout(120)
def test_a_line_of_ten_megabytes_is_read_and_the_search_ends(
    shakeout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of one word without an end, and no time: it ends undecided, and says that it needs more of it.

    No machine is fast enough to try all: one healthy run is played in a stage, and no suspect.
    """
    monkeypatch.setattr(Lab, "spent", True)
    monkeypatch.chdir(tmp_path)
    Path("incident.log").write_text("word" * 2_500_000 + "\n")
    told = ("--json", "told.json", "--stage", "simulated")
    code, said, complained = shakeout("reproduce", "incident.log", "--for", "2s", *told)
    assert code == 4, said + complained
    document = json.loads(Path("told.json").read_text())
    assert any("time was over" in note and "--for" in note for note in document["notes"])
    assert document["causes"] == []
