"""A part runs in a process of its own, from when it is ready, and what it noted outlives it."""

import os
import time

import pytest

from harness.bridges.place import Failed
from harness.bridges.properties.alone import OVER, Load, Note, alone
from harness.bridges.properties.bounded import has_come_within, has_ended
from harness.bridges.properties.trail import Trail

ADAPTER = "harness.bridges.peers.standard:AsyncioRun"


def leaves(load: Load, note: Note) -> None:
    """Note what was made, and end with something to say."""
    note("made", load().name)
    note("made", "two\nlines")
    os.write(2, b"so long")


def stays(load: Load, note: Note) -> None:
    """Do not end."""
    load()
    note("staying")
    time.sleep(600)


def stumbles(load: Load, note: Note) -> None:
    """End before there is an adapter."""
    raise LookupError("nothing to load")


def test_a_part_ends_as_a_program_does() -> None:
    """Its notes, its last words and its exit code are known, and that the bridge's own end was over."""
    ended = alone(leaves, ADAPTER, limit_s=30.0)
    assert ended.code == 0
    assert ended.details("made") == ["asyncio-run", "two lines"]
    assert ended.moment("made") is not None
    assert ended.moment("unmade") is None
    assert ended.details(OVER) == [""]
    assert ended.told() == "exit 0; noted: made asyncio-run, made two lines, over; stderr: so long"


def test_a_part_that_stays_is_ended() -> None:
    """It has its time and no more, and its notes are there all the same."""
    began = time.monotonic()
    ended = alone(stays, ADAPTER, limit_s=0.2)
    assert ended.code is None
    assert ended.told() == "still running; noted: staying"
    assert time.monotonic() - began < 30.0


def test_a_part_that_is_never_ready_is_no_verdict() -> None:
    """Why it ended is raised: a mistake of the property says nothing of the bridge."""
    with pytest.raises(RuntimeError, match="before it was ready: LookupError: nothing to load"):
        alone(stumbles, ADAPTER, limit_s=30.0)


def trail(*events: str) -> Trail:
    """A trail of events of this moment."""
    made = Trail()
    for event in events:
        made.mark(event)
    return made


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "seen: nothing"),
        (("began", "cancelled"), "seen: began, cancelled"),
        (("began", "finally", "began", "finally"), "did this: began, finally, began, finally"),
        (("began", "finally", "more"), "did this: began, finally, more"),
        (("began", "woke", "finally"), "went on to its end"),
    ],
)
def test_what_was_given_up_is_over(events: tuple[str, ...], said: str) -> None:
    """A coroutine whose `finally` has not run, or that goes on, or runs again, is no end."""
    with pytest.raises(Failed, match=said):
        has_ended(trail(*events), time.monotonic(), 60.0)


def test_an_end_is_in_time() -> None:
    """A `finally` may run before the caller is free, and at most the grace after it."""
    ended = trail("began", "cancelled", "finally")
    has_ended(ended, time.monotonic(), 0.0)
    with pytest.raises(Failed, match=r"ran 5\.\d\d s after the caller was free"):
        has_ended(ended, time.monotonic() - 5.0, 1.0)


@pytest.mark.parametrize("took_s", [0.1, 1.0])
def test_a_timeout_comes_neither_early_nor_late(took_s: float) -> None:
    """Before a timeout can have passed it is as wrong as after its limit."""
    has_come_within(1.0, (10.0, 10.5))
    with pytest.raises(Failed, match="came after"):
        has_come_within(1.0, (10.0, 10.0 + took_s))
