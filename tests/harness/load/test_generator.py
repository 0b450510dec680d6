"""Progress is read from the records as they grow."""

from pathlib import Path

from harness.gates import TurnSent
from harness.load.generator import Progress
from harness.load.recorder import Health, RecordWriter


def test_progress_counts_turns_and_nothing_else(tmp_path: Path) -> None:
    """Cut at any byte, the two parts of a file count to its turns: no header, no footer, and no turn twice."""
    path, part = tmp_path / "records", tmp_path / "part"
    with path.open("wb") as stream:
        recorder = RecordWriter(stream)
        for number in range(3):
            recorder.add(
                TurnSent(request_id="[\n[", endpoint="", status=200, started_s=0, ended_s=1, turn=number)
            )
        recorder.close(Health())
    whole = path.read_bytes()
    for cut in range(len(whole)):
        progress = Progress(path=part)
        part.write_bytes(whole[:cut])
        progress.read()
        part.write_bytes(whole)
        assert progress.read() == 3


def test_records_that_are_not_there_yet_are_no_progress(tmp_path: Path) -> None:
    """Before locust has opened the file, nothing is counted and the clock of stillness runs on."""
    progress = Progress(path=tmp_path / "none", grown_s=5.0)
    assert (progress.read(), progress.grown_s) == (0, 5.0)
