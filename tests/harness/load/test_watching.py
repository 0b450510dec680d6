"""Frames that are read as they come: the verdict is theirs, however many were read at a time."""

from pathlib import Path

from harness.gates.cells import Cell, Cells
from harness.gates.grammar import parse
from harness.gates.result import GateResult
from harness.load.frames import Frame
from harness.load.watching import Frames, Watching


def frame(number: int, *, good: int, errors: int) -> bytes:
    """A second in which so many requests were counted."""
    cell = Cell(requests=good + errors, failed=errors)
    cell.statuses.update({200: good, 500: errors})
    cells = Cells(by_key={("chat", "POST /turn", "load"): cell})
    return Frame(number=number, cells=cells, lasted_s={"load": 1.0}).line()


def results(path: Path, *reads: bytes) -> tuple[GateResult, ...]:
    """The last look, where so much of the file was there at each reading."""
    watching = Watching(
        criteria=[parse("error_rate < 0.1%")], until_decided=True, for_s_max=60, alive=lambda: True
    )
    frames = Frames(path=path, each=watching.each)
    for text in reads:
        path.write_bytes(text)
        frames.read()
    return watching.look(frames.run, ended=True)


def test_the_same_frames_give_the_same_verdict_however_they_were_read(tmp_path: Path) -> None:
    """Four errors at once are a failure that stands, whether or not what came behind was read with them."""
    first, second = frame(0, good=0, errors=4), frame(1, good=8_000, errors=0)
    path = tmp_path / "frames"
    apart = results(path, first, first + second)
    together = results(path, first + second)
    assert repr(apart) == repr(together)
    assert str(apart[0].verdict) == "failed"
