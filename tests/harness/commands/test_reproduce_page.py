"""`shakeout reproduce --html`: the log is read once more for the page, and may have gone by then."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.commands import reproduce
from harness.commands.reproduce_report import Report
from harness.incidents.diagnose import Diagnosis
from harness.incidents.hunt import Hunted
from harness.incidents.signature import Signature


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_log_that_goes_during_the_search_takes_nothing_else_with_it(
    shakeout: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_gone: bool
) -> None:
    """What was found is told, and the page is written without the lines; a note says that they are not there."""
    log, page = tmp_path / "incident.log", tmp_path / "page.html"
    log.write_text("app WARNING conversation_skipped fallback=second request_id=r-4711\n")

    async def search(incident: Signature, *_: Any) -> Report:
        """While it is searched the log is rotated away."""
        if is_gone:
            log.unlink()
        return Report(hunted=Hunted(diagnosis=Diagnosis(incident)))

    monkeypatch.setattr(reproduce, "_report", search)
    told = tmp_path / "told.json"
    code, said, _ = shakeout("reproduce", str(log), "--html", str(page), "--json", str(told))
    assert code == 4, said
    notes = [note for note in json.loads(told.read_text())["notes"] if "shows no line of the log" in note]
    assert ["there is no such file" in note for note in notes] == [True] * is_gone
    assert ("r-4711" in page.read_text()) is not is_gone
