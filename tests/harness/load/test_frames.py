"""Frames: lines that add up to a run, and that are the same text for the same second."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from harness.errors import InvalidRun
from harness.gates.cells import Cell, Cells
from harness.gates.durations import Durations
from harness.gates.service_log import LogCell
from harness.load.frames import Frame, Part, Run, read

KEY = ("chat", "POST /turn", "steady")


def part(worker: int, number: int) -> Part:
    """What a generator says of a second."""
    drift = Durations()
    drift.add([100 * worker, 300], ())
    return Part(worker=worker, number=number, due=10, sent=9, dropped=1, cpu=0.25, drift=drift)


def spoke(counted: dict[str, int]) -> LogCell:
    """A log with these events."""
    return LogCell(lines=sum(counted.values()), events=Counter(counted))


def frame(number: int, *workers: int, events: dict[str, dict[str, int]] | None = None) -> Frame:
    """A second in which these generators reported."""
    return Frame(
        number=number,
        parts=tuple(part(worker, number) for worker in workers),
        cells=Cells(by_key={KEY: Cell(requests=len(workers))}),
        lasted_s={"steady": 1.0},
        log=None if events is None else {name: spoke(counted) for name, counted in events.items()},
    )


def test_a_frame_is_read_as_it_was_written() -> None:
    """One line, whatever the order in which the generators reported."""
    first = frame(3, 0, 1, events={"steady": {"done": 2}})
    assert first.line().count(b"\n") == 1
    assert read(first.line()) == first
    assert replace(first, parts=first.parts[::-1]).line() == first.line()


def test_frames_add_up() -> None:
    """Requests, seconds and events by phase; the parts of each generator in their order."""
    run = Run.of([frame(0, 0, 1, events={}), frame(1, 1, 0, events={"steady": {"done": 2}})])
    assert (run.frames, run.cells.of(KEY).requests, run.lasted_s) == (2, 4, {"steady": 2.0})
    assert run.log is not None
    assert {name: cell.events for name, cell in run.log.items()} == {"steady": {"done": 2}}
    assert {worker: [each.number for each in parts] for worker, parts in run.parts.items()} == {
        0: [0, 1],
        1: [0, 1],
    }


@pytest.mark.parametrize(("events", "known"), [(None, None), ({}, {})])
def test_a_log_without_a_line_is_another_thing_than_none(
    events: dict[str, dict[str, int]] | None, known: object
) -> None:
    """Of the one nothing happened, of the other nothing is known."""
    assert Run.of([frame(0, 0, events=events)]).log == known


def wrong(**values: object) -> bytes:
    """The line of a frame in which something else stands."""
    return json.dumps({**json.loads(frame(0, 0).line()), **values}).encode()


SPOKE = spoke({"done": 1}).packed()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps({"schema": 2}).encode(),
        b'{"schema": 1}',
        wrong(log=[]),
        wrong(lasted_s={"load": "x"}),
        wrong(log={"load": {**SPOKE, "events": {"done": None}}}),
        wrong(log={"load": {**SPOKE, "lines": None}}),
    ],
)
def test_what_is_no_frame_is_refused(line: bytes) -> None:
    """In one line, with what to do."""
    with pytest.raises(InvalidRun, match=r"run (the load|it) again"):
        read(line)
