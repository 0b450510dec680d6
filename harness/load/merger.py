"""The master's part: what the generators report, put together into a frame a second."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import orjson

from harness.gates.cells import Cells, unpacked
from harness.load.arrivals import last_due_s
from harness.load.frames import Frame, Part
from harness.load.phases import ends_s
from harness.load.plan import CLOSED, Plan
from harness.load.validity import SILENT_FRAMES_MAX


class Merger:
    """Takes reports as they come, and writes what came in a second as one frame."""

    def __init__(self, plan: Plan, stream: BinaryIO) -> None:
        self._plan = plan
        self._stream = stream
        self._parts: list[Part] = []
        self._cells = Cells()
        self._answers: list[int] = []
        self._number = 0
        self._ended: set[int] = set()
        self._heard: dict[int, int] = {}
        self._lasted_s = 0.0
        self._began_s: dict[int, float] = {}
        self._due_until_s = min(
            plan.lasts_s, last_due_s(plan.phases, plan.seed, kind=plan.arrivals, most=plan.requests)
        )

    @property
    def stuck(self) -> bool:
        """Whether a generator has not been heard of for so long that nothing more is expected of it."""
        heard = (
            self._heard.get(worker, 0) for worker in range(self._plan.workers) if worker not in self._ended
        )
        return any(self._number - number > SILENT_FRAMES_MAX for number in heard)

    @property
    def ended(self) -> bool:
        """Whether every generator has come to its end."""
        return len(self._ended) >= self._plan.workers

    def begin(self, worker: int, now_s: float) -> bool:
        """A generator begins at a moment of the master's clock; whether all have now."""
        self._began_s.setdefault(worker, now_s)
        return len(self._began_s) == self._plan.workers

    def take(self, data: bytes) -> None:
        """One report; one that does not know the nonce of this run is a stranger's, and left out."""
        said: Mapping[str, Any] = orjson.loads(data)
        if said["nonce"] != self._plan.nonce:
            return
        part = Part.unpacked(said["part"])
        if (
            part.number == 0 and part.worker in self._began_s
        ):  # who begins after the others is as late with all it sends
            behind_s = self._began_s[part.worker] - min(self._began_s.values())
            part = replace(part, late_s=round(max(part.late_s, behind_s), 3))
        self._parts.append(part)
        self._heard[part.worker] = self._number
        if part.ended:
            self._ended.add(part.worker)
        self._cells.merge(unpacked(said["cells"]))
        self._answers += said["answers"]

    def stop(self, now_s: float) -> None:
        """No more requests are due from now on."""
        self._due_until_s = min(self._due_until_s, now_s)

    def frame(self, now_s: float) -> None:
        """Write what came since the last frame; the run is `now_s` seconds old.

        Its phases go on no longer than requests are due: a wait for the last answers is no part of any.
        """
        until_s = max(self._lasted_s, min(now_s, self._due_until_s))
        frame = Frame(
            number=self._number,
            parts=tuple(self._parts),
            cells=self._cells,
            lasted_s=self._phases(self._lasted_s, until_s),
            answers=tuple(self._answers),
        )
        self._stream.write(frame.line())
        self._stream.flush()
        self._number += 1
        self._lasted_s = until_s
        self._parts, self._cells, self._answers = [], Cells(), []

    def close(self) -> None:
        """Nothing more is written."""
        self._stream.close()

    def _phases(self, begin_s: float, end_s: float) -> dict[str, float]:
        """For how long each phase went on between two moments; what comes after the last is none of any."""
        if not self._plan.phases:
            return {CLOSED: round(end_s - begin_s, 6)}
        lasted = dict.fromkeys((phase.name for phase in self._plan.phases), 0.0)
        began_s = 0.0
        for phase, ended_s in zip(self._plan.phases, ends_s(self._plan.phases), strict=True):
            lasted[phase.name] += max(0.0, min(end_s, ended_s) - max(begin_s, began_s))
            began_s = ended_s
        return {name: round(took_s, 6) for name, took_s in lasted.items() if took_s}
