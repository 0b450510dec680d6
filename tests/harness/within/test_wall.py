"""The wall clock that faults move, and the clocks of a simulated run under it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.within.wall import WallShift

ROOT = Path(__file__).parents[3]
PLAY = """
import datetime as dt, json, logging, time
from harness.simulation import Simulation
from harness.simulation.clocks import WALL
from harness.within.wall import WallShift

def walls():
    record = logging.LogRecord("", 0, "", 0, "", (), None)
    return [
        time.time(), time.time_ns() / 1e9, time.clock_gettime(time.CLOCK_REALTIME), record.created,
        dt.datetime.now(dt.UTC).timestamp(), dt.datetime.utcnow().replace(tzinfo=dt.UTC).timestamp(),
        time.mktime(time.localtime()), time.mktime(dt.datetime.now().timetuple()),
    ]

def others():
    return [time.monotonic(), time.perf_counter(), time.process_time()]

async def main():
    shift = WallShift()
    was = walls(), others()
    with WALL.moved(shift), shift.moved(lambda: 3600.0):
        moved = walls(), others()
    with shift.moved(lambda: 5.0):  # the run's clock is nobody's to move any more
        is_ = walls(), others()
    differences = [[after - before for before, after in zip(*pair)] for pair in zip(was, moved)]
    return [*differences, was == is_]

print(json.dumps(Simulation(seed=0).run(main).value))
"""


@pytest.mark.parametrize("first", [0, 1])
def test_offsets_add_up_and_go_in_either_order(first: int) -> None:
    """Two shifts are both there; whichever goes first, the other stays, and then there is none."""
    shift, offsets = WallShift(), (3600.0, -7.0)
    both = [shift.moved(lambda value=value: value) for value in offsets]
    for one in both:
        one.__enter__()
    assert shift() == 3593.0
    both[first].__exit__(None, None, None)
    assert shift() == offsets[1 - first]
    both[1 - first].__exit__(None, None, None)
    assert shift() == 0.0


def test_an_offset_is_asked_at_every_reading() -> None:
    """What an offset says may change from one reading to the next."""
    shift, values = WallShift(), iter((1.0, -1.0))
    with shift.moved(lambda: next(values)):
        assert [shift(), shift()] == [1.0, -1.0]


def test_in_a_simulated_run_every_wall_clock_moves_and_no_other() -> None:
    """All that tells the time of day is an hour ahead, what measures is not, and afterwards all is as it was."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PLAY],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr
    walls, others, back = json.loads(done.stdout)
    assert walls == pytest.approx([3600.0] * 8)
    assert others == pytest.approx([0.0] * 3)
    assert back
