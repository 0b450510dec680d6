"""The parent's part: reads frames as they are written, and says when a run has seen enough."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.gates.criterion import Criterion
from harness.gates.result import GateResult
from harness.gates.verdicts import Seen, Watch
from harness.load.frames import Run, read
from harness.load.generator import Locust
from harness.load.plan import Plan
from harness.load.validity import Expected, doubts
from harness.verdict import Verdict

POLL_S = 0.1
STILL_S_MAX = 45.0
"""No generator is silent for so long, nor takes so long to begin: a master that writes nothing is stuck."""


@dataclass(slots=True, kw_only=True)
class Frames:
    """The frames that a master has written so far; a line that has not ended is left for the next time."""

    path: Path
    run: Run = field(default_factory=Run)
    grown_s: float = field(default_factory=time.monotonic)
    _offset: int = 0

    def read(self) -> int:
        """Read on; how many frames came.

        Raises:
            InvalidRun: a line is no frame.
        """
        if not self.path.exists():
            return 0
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            *lines, _ = stream.read().split(b"\n")
        for line in lines:
            self.run.add(read(line))
            self._offset += len(line) + 1
            self.grown_s = time.monotonic()
        return len(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What came of a run: all its frames, the last look at the gates, and what speaks against it."""

    run: Run
    results: tuple[GateResult, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How a run is watched: by these gates; `until_decided` ends it as soon as they are, or after `for_s_max` seconds."""

    criteria: Sequence[Criterion]
    until_decided: bool
    for_s_max: float
    alive: Callable[[], bool]
    say: Callable[[str], None] = lambda _: None

    async def watch(self, plan: Plan, locusts: Sequence[Locust]) -> Watched:
        """Read frames until the master has ended, or nothing more can come of it."""
        frames, watch = Frames(path=plan.frames), Watch(criteria=self.criteria, watched=self.until_decided)
        expected = Expected(workers=plan.workers, limit_s=min(plan.limits_us, default=0) / 1e6 or None)
        began_s, reasons = time.monotonic(), list[str]()
        results: tuple[GateResult, ...] = ()
        master = locusts[0].process
        while master.returncode is None and not reasons:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(master.wait(), POLL_S)
            if frames.read():
                results = watch.look(_seen(frames.run, ended=False))
                self.say(_told(frames.run, results))
                if self._enough(results, time.monotonic() - began_s):
                    plan.stop.touch()
            reasons += self._broken(frames, locusts)
        frames.read()
        results = watch.look(_seen(frames.run, ended=True))
        reasons += doubts(frames.run, expected)
        return Watched(run=frames.run, results=results, reasons=tuple(dict.fromkeys(reasons)))

    def _enough(self, results: Sequence[GateResult], elapsed_s: float) -> bool:
        """Whether nothing that may still come changes the verdict, or the time is over."""
        failed = [
            one
            for one, gate in zip(results, self.criteria, strict=True)
            if one.verdict is Verdict.FAILED and (gate.abort or self.until_decided)
        ]
        # What only the end of a run decides is not waited for.
        open_still = [one for one in results if one.verdict is Verdict.UNDECIDED and one.missing is not None]
        return bool(failed) or (self.until_decided and (not open_still or elapsed_s >= self.for_s_max))

    def _broken(self, frames: Frames, locusts: Sequence[Locust]) -> list[str]:
        """What has ended the run, if anything has."""
        found = [wrong for one in locusts if (wrong := one.wrong) is not None]
        if not self.alive():
            found.insert(0, "the target died under load")
        if time.monotonic() - frames.grown_s > STILL_S_MAX:
            found.append(f"nothing was heard of the generators for {STILL_S_MAX:g} s")
        return found


def _seen(run: Run, *, ended: bool) -> Seen:
    return Seen(cells=run.cells, lasted_s=run.lasted_s, events=run.events, ended=ended)


def _told(run: Run, results: Sequence[GateResult]) -> str:
    """How far it is, in one line."""
    requests = sum(cell.requests for cell in run.cells.by_key.values())
    decided = sum(one.verdict is not Verdict.UNDECIDED for one in results)
    return f"{requests:,} requests, {run.frames} s, {decided} of {len(results)} gates decided"
