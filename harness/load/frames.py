"""Frames: what all generators counted in a second, as one line of JSON. The parent of a run reads nothing else.

The same frames give the same verdict, so a run can be judged again from the file that it left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.errors import InvalidRun
from harness.gates.cells import Cells, unpacked
from harness.gates.durations import Durations
from harness.gates.service_log import LogCell

SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one generator says of itself and of a second: its `number` counts from 0, without a gap.

    Of the requests that were `due`, so many were `sent` and so many `dropped`, as too many others were under way; `drift`
    is how late each was sent. `strangers` are answers without the target's nonce, `cpu` is the share of one core that it took
    in the `took_s` seconds since its last report, `late_s` is the most by which it woke late meanwhile.
    """

    worker: int
    number: int
    due: int = 0
    sent: int = 0
    dropped: int = 0
    strangers: int = 0
    cpu: float = 0.0
    took_s: float = 1.0
    late_s: float = 0.0
    ended: bool = False
    drift: Durations = field(default_factory=Durations)

    def packed(self) -> list[Any]:
        """The part as JSON can carry it."""
        counts = (self.worker, self.number, self.due, self.sent, self.dropped, self.strangers)
        times = (self.cpu, self.took_s, self.late_s)
        return [*counts, *times, self.ended, self.drift.packed()]

    @classmethod
    def unpacked(cls, packed: list[Any]) -> "Part":
        """What `packed` packed."""
        *counts, cpu, took_s, late_s, ended, drift = packed
        worker, number, due, sent, dropped, strangers = counts
        return cls(
            worker=worker,
            number=number,
            due=due,
            sent=sent,
            dropped=dropped,
            strangers=strangers,
            cpu=cpu,
            took_s=took_s,
            late_s=late_s,
            ended=ended,
            drift=Durations.unpacked(drift),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One second of a run: the parts of its generators, what they counted, and how long each phase went on in it.

    `log` is what the service wrote meanwhile, by phase; None where no log is read. `answers` are the number, the status
    and the place of the phase of each request, one after the other: only the parent is told, who compares them with the log.
    """

    number: int
    parts: tuple[Part, ...] = ()
    cells: Cells = field(default_factory=Cells)
    lasted_s: Mapping[str, float] = field(default_factory=dict)
    log: Mapping[str, LogCell] | None = None
    answers: tuple[int, ...] = ()

    def line(self) -> bytes:
        """The frame as a line."""
        return (
            orjson.dumps(
                {
                    "schema": SCHEMA,
                    "number": self.number,
                    "parts": [
                        part.packed() for part in sorted(self.parts, key=lambda one: (one.worker, one.number))
                    ],
                    "cells": self.cells.packed(),
                    "lasted_s": self.lasted_s,
                    "log": None
                    if self.log is None
                    else {name: cell.packed() for name, cell in self.log.items()},
                    "answers": self.answers,
                },
                option=orjson.OPT_SORT_KEYS,
            )
            + b"\n"
        )


def read(line: bytes) -> Frame:
    """The frame of a line.

    Raises:
        InvalidRun: it is none, or of another schema.
    """
    try:
        said = orjson.loads(line)
        if said["schema"] != SCHEMA:
            raise InvalidRun(
                f"a frame has schema {said['schema']}, and {SCHEMA} is read here: run the load again"
            )
        return Frame(
            number=said["number"],
            parts=tuple(map(Part.unpacked, said["parts"])),
            cells=Cells(by_key=dict(unpacked(said["cells"]))),
            lasted_s={name: float(took_s) for name, took_s in said["lasted_s"].items()},
            log=_log(said["log"]),
            answers=tuple(said["answers"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRun(f"a frame of the load cannot be read ({error}): run it again") from error


def _log(packed: Mapping[str, Any] | None) -> dict[str, LogCell] | None:
    return None if packed is None else {name: LogCell.unpacked(cell) for name, cell in packed.items()}


@dataclass(slots=True, kw_only=True)
class Run:
    """All frames of a run so far, added up; `parts` are those of each generator, in the order in which they came.

    `seconds` are the frames themselves, `heard` is how many there were when a generator was heard of last.
    """

    seconds: list[Frame] = field(default_factory=list)
    cells: Cells = field(default_factory=Cells)
    lasted_s: Counter[str] = field(default_factory=Counter)
    log: dict[str, LogCell] | None = None
    parts: dict[int, list[Part]] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.seconds)

    @property
    def requests(self) -> int:
        """How many requests were counted."""
        return sum(cell.requests for cell in self.cells.by_key.values())

    @property
    def elapsed_s(self) -> float:
        """How long its phases went on."""
        return sum(self.lasted_s.values())

    def add(self, frame: Frame) -> None:
        """Take one more."""
        self.seconds.append(frame)
        self.cells.merge((key, frame.cells.by_key[key]) for key in sorted(frame.cells.by_key))
        self.lasted_s.update(frame.lasted_s)
        for part in frame.parts:
            self.parts.setdefault(part.worker, []).append(part)
            self.heard[part.worker] = self.frames
        if frame.log is not None:
            log = self.log = self.log if self.log is not None else {}
            for phase, cell in frame.log.items():
                log.setdefault(phase, LogCell()).merge(cell)

    @classmethod
    def of(cls, frames: Iterable[Frame]) -> "Run":
        """All of them."""
        run = cls()
        for frame in frames:
            run.add(frame)
        return run
