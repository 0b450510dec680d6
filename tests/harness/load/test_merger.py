"""The master puts reports together; a phase lasts as long as requests are due in it."""

from pathlib import Path

import orjson
import pytest

from harness.load.frames import Part, Run, read
from harness.load.merger import Merger
from harness.load.phases import Phase
from harness.load.plan import Plan
from harness.targets.profile import load


def lasted_s(
    directory: Path, *frames_s: float, stopped_s: float | None = None, **plan: object
) -> dict[str, float]:
    """For how long each phase went on, by the frames that were written at these times."""
    values = {"turn": load().turn, "seed": 1, "directory": str(directory), **plan}
    made = Plan(**values)  # type: ignore[arg-type]  # values by name
    merger = Merger(made, made.frames.open("wb"))
    for now_s in frames_s:
        if stopped_s is not None and now_s > stopped_s:
            merger.stop(stopped_s)
        merger.frame(now_s)
    merger.close()
    return dict(Run.of(map(read, made.frames.read_bytes().splitlines())).lasted_s)


EVEN = {
    "phases": (Phase(name="a", for_s=4, rate_per_s=10), Phase(name="b", for_s=4, rate_per_s=10)),
    "arrivals": "constant",
}


@pytest.mark.parametrize(
    ("plan", "stopped_s", "expected"),
    [
        (EVEN, None, {"a": 4.0, "b": 4.0}),
        ({**EVEN, "requests": 61}, None, {"a": 4.0, "b": 2.0}),
        (EVEN, 5.5, {"a": 4.0, "b": 1.5}),
        ({}, None, {"load": 12.0}),
        ({}, 5.5, {"load": 5.5}),
    ],
)
def test_the_wait_for_the_last_answers_is_no_part_of_any_phase(
    tmp_path: Path, plan: dict[str, object], stopped_s: float | None, expected: dict[str, float]
) -> None:
    """After the last due request, the last phase, or a stop nothing is due; users without any last until they are told."""
    found = lasted_s(tmp_path, *map(float, range(1, 13)), stopped_s=stopped_s, **plan)
    assert found == pytest.approx(expected)


def test_a_generator_that_begins_after_the_others_is_late_with_all_it_sends(tmp_path: Path) -> None:
    """Its first report says so, and no later one; all have begun when the last one has."""
    made = Plan(turn=load().turn, seed=1, directory=str(tmp_path), workers=2)
    merger = Merger(made, made.frames.open("wb"))
    assert [merger.begin(worker, now_s) for worker, now_s in ((1, 10.0), (1, 10.5), (0, 10.75))] == [
        False,
        False,
        True,
    ]
    for number in (0, 1):
        for worker in (0, 1):
            part = Part(worker=worker, number=number, late_s=0.25)
            data = {"nonce": None, "part": part.packed(), "cells": [], "answers": []}
            merger.take(orjson.dumps(data))
    merger.frame(1.0)
    merger.close()
    run = Run.of(map(read, made.frames.read_bytes().splitlines()))
    assert [part.late_s for part in run.parts[0]] == [0.75, 0.25]
    assert [part.late_s for part in run.parts[1]] == [0.25, 0.25]
