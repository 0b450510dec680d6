"""The wall clock of a live process, moved: in a process of its own, for it stays there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PLAY = """
import datetime as dt, json, logging, threading, time
from calendar import timegm
from harness.within import clock_live
from harness.within.wall import WallShift

shift = WallShift()
before = dt.datetime.now, time.monotonic
clock_live.install(shift)
from time import time as held, gmtime as told  # as an app does that is imported afterwards

class Own(dt.datetime):
    pass

class Formatter:
    converter = time.gmtime

def walls():
    record = logging.LogRecord("", 0, "", 0, "", (), None)
    return [
        time.time(), held(), time.time_ns() / 1e9, record.created,
        time.clock_gettime(time.CLOCK_REALTIME), time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9,
        timegm(time.gmtime()), timegm(told()), timegm(Formatter().converter()), time.mktime(time.localtime()),
        time.mktime(time.strptime(time.ctime())), time.mktime(time.strptime(time.asctime())),
        time.mktime(time.strptime(time.strftime("%c"))),
        dt.datetime.now().timestamp(), dt.datetime.now(dt.UTC).timestamp(), dt.datetime.now(tz=dt.UTC).timestamp(),
        dt.datetime.utcnow().replace(tzinfo=dt.UTC).timestamp(), dt.datetime.today().timestamp(),
        Own.now().timestamp(),
    ]

def others():
    return [
        time.monotonic(), time.perf_counter(), time.process_time(), time.monotonic_ns() / 1e9,
        time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e9,
    ]

def elsewhere():
    found = []
    thread = threading.Thread(target=lambda: found.append(time.time()))
    thread.start()
    thread.join()
    return found[0]

was = walls(), others()
with shift.moved(lambda: BY_S):
    moved = walls(), others()
    day, thread_s = dt.date.today().isoformat(), elsewhere()
    given = timegm(time.gmtime(0)), time.strftime("%Y", time.gmtime(0)), type(Own.now()).__name__
done = walls(), others()
print(json.dumps({
    "moved": [after - before for before, after in zip(was[0], moved[0])],
    "others": [after - before for before, after in zip(was[1], moved[1])],
    "back": [after - before for before, after in zip(was[0], done[0])],
    "day": day, "right": dt.date.today().isoformat(), "thread": thread_s - was[0][0], "given": given,
    "monotonic": time.monotonic is before[1],
}))
"""


def played(by_s: float) -> Any:
    """What a process says whose clock was moved by so many seconds for a while."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PLAY.replace("BY_S", str(by_s))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("by_s", [86_400_000.0, -86_400_000.0])
def test_every_wall_clock_moves_and_no_other(by_s: float) -> None:
    """All that tells the time of day is off in every thread, what measures is not, and afterwards all is right."""
    said = played(by_s)
    # Those in whole seconds, and the time that this takes: no minute of it could be the shift's.
    assert said["moved"] == pytest.approx([by_s] * 19, abs=60)
    assert said["others"] == pytest.approx([0.0] * 6, abs=60)
    assert said["back"] == pytest.approx([0.0] * 19, abs=60)
    assert said["thread"] == pytest.approx(by_s, abs=60)
    assert said["day"] != said["right"]
    assert said["monotonic"]


def test_a_time_that_is_given_is_told_as_ever() -> None:
    """Only the time of now moves; a time that somebody has stays what it is, and a class of times stays that class."""
    assert played(3600.0)["given"] == [0, "1970", "Own"]
