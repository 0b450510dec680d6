"""Frames that are read as they come: the verdict is theirs, however many were read at a time."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.gates.cells import Cell, Cells
from harness.gates.grammar import parse
from harness.gates.result import GateResult
from harness.load.frames import Frame
from harness.load.phases import Phase
from harness.load.plan import Plan
from harness.load.service_log import ServiceLog
from harness.load.watching import Frames, Watching
from harness.targets.profile import load


def frame(number: int, *, good: int, errors: int) -> bytes:
    """A second in which so many requests were counted."""
    cell = Cell(requests=good + errors, failed=errors)
    cell.statuses.update({200: good, 500: errors})
    cells = Cells(by_key={("chat", "POST /turn", "load"): cell})
    return Frame(number=number, cells=cells, lasted_s={"load": 1.0}).line()


def results(directory: Path, *reads: bytes) -> tuple[GateResult, ...]:
    """The last look, where so much of the file was there at each reading."""
    plan = Plan(turn=load().turn, seed=1, directory=str(directory))
    watching = Watching(
        criteria=[parse("error_rate < 0.1%")], until_decided=True, for_s_max=60, alive=lambda: True
    )
    frames = Frames(plan=plan, each=watching.each)
    for text in reads:
        plan.frames.write_bytes(text)
        frames.read()
    return watching.look(frames.run, ended=True)


def test_the_same_frames_give_the_same_verdict_however_they_were_read(tmp_path: Path) -> None:
    """Four errors at once are a failure that stands, whether or not what came behind was read with them."""
    first, second = frame(0, good=0, errors=4), frame(1, good=8_000, errors=0)
    apart = results(tmp_path, first, first + second)
    together = results(tmp_path, first + second)
    assert repr(apart) == repr(together)
    assert str(apart[0].verdict) == "failed"


def test_a_line_is_of_the_phase_in_which_it_was_written(tmp_path: Path) -> None:
    """Whatever its zone, by its time; one without a time, or of another clock, by the frame that it was read with."""
    phases = (Phase(name="first", for_s=20, rate_per_s=1), Phase(name="second", for_s=20, rate_per_s=1))
    plan = Plan(turn=load().turn, seed=1, directory=str(tmp_path), phases=phases)
    plan.began.write_text(str(time.monotonic() - 30))
    now = datetime.now(UTC)
    times = [
        now - timedelta(seconds=15),
        now - timedelta(seconds=15, hours=5, minutes=45),
        now - timedelta(seconds=5),
    ]
    lines = [f"{at:%Y-%m-%dT%H:%M:%S} app INFO written" for at in times]
    lines += ["app INFO untimed", f"{now - timedelta(seconds=500):%Y-%m-%dT%H:%M:%S} app INFO written"]
    (tmp_path / "app.log").write_text("\n".join([*lines, ""]))
    log = ServiceLog({"app": tmp_path / "app.log"}, load().contract, prefix="load-", texts=())
    frames = Frames(plan=plan, log=log)
    plan.frames.write_bytes(Frame(number=0, lasted_s={"second": 1.0}).line())
    frames.end()
    assert frames.run.log is not None
    assert {name: cell.lines for name, cell in frames.run.log.items()} == {"first": 2, "second": 3}
