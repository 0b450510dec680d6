"""Two runs to be compared: a run read from the file that it left, its seconds, and two targets that take turns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from harness.errors import InvalidRun, UsageError
from harness.gates.cells import Cell
from harness.gates.criterion import Scope
from harness.gates.verdicts import Seen
from harness.load.frames import Frame, Run, read
from harness.load.kept import FRAMES, TOLD
from harness.load.report import LoadReport
from harness.load.watching import seen
from harness.verdict import Verdict

Measure = Callable[[], Awaitable[LoadReport]]
"""One load run."""

REMEDY = f"name the {FRAMES} that a load run has kept, or its folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaved:
    """Two targets that took turns: all that each counted, and the `reasons` why any of its runs cannot be trusted."""

    before: Run
    after: Run
    reasons: tuple[str, ...] = ()


def read_frames(path: Path) -> Run:
    """The run that was kept in a file, or in a folder under the usual name.

    Raises:
        UsageError: there is no such file, it holds something else, or the run broke off while it was written.
    """
    place = path / FRAMES if path.is_dir() else path
    try:
        *lines, rest = place.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}; {REMEDY}") from error
    try:
        frames = [read(line) for line in lines]
    except InvalidRun as error:
        raise UsageError(f"{place}: {error}; {REMEDY}") from error
    if rest or not frames:
        wrong = "its last line has no end: the run broke off" if rest else "there is no frame in it"
        raise UsageError(f"{place}: {wrong}; {REMEDY}")
    try:
        return Run.of(frames)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{place}: a frame of it holds something else ({error}); {REMEDY}") from error


def check_measure(path: Path, model: str) -> None:
    """Refuse a run that is no measure for one in which requests are made in this way (`model`).

    Raises:
        UsageError: it broke off, cannot be trusted, or was another load: what differs may be the load then.
    """
    place = (path if path.is_dir() else path.parent) / TOLD
    try:
        told = orjson.loads(place.read_bytes())
        reasons, other = tuple(told["reasons"]), str(told["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{place}: cannot be read: that run broke off, or is of another version; run it again"
        ) from error
    if reasons:
        raise UsageError(f"--baseline {path}: that run is no measure: {reasons[0]}; run it again")
    if other != model:
        raise UsageError(
            f"--baseline {path}: that run was {other}, and this one is {model}: give the same load"
        )


def before(run: Run, promised: str | None = None) -> Seen:
    """What a baseline has seen, as the gates of a later run are told; `promised` is what each request leaves in its log."""
    return seen(run, promised=promised)


def blocks(run: Run) -> list[Cell]:
    """The seconds of a run, each as one cell; a frame that only has a log is none of them."""
    return [frame.cells.within(Scope()) for frame in run.seconds if frame.parts or frame.cells.by_key]


async def abba(measure_a: Measure, measure_b: Measure) -> Interleaved:
    """Measure A, B, B, A, so that a machine which gets slower evenly is as much against the one as against the other.

    All four are run, whatever became of one.
    """
    order = (("A", measure_a), ("B", measure_b), ("B", measure_b), ("A", measure_a))
    reports = [(name, await measure()) for name, measure in order]
    reasons = [
        f"run {number} of {len(order)} ({name}): {reason}"
        for number, (name, report) in enumerate(reports, start=1)
        for reason in _untrusted(report)
    ]
    a, b = (_joined([report.run for name, report in reports if name == wanted]) for wanted in "AB")
    return Interleaved(before=a, after=b, reasons=tuple(reasons))


def _untrusted(report: LoadReport) -> list[str]:
    """Why a run cannot be trusted: its own reasons, and the gates that saw nothing."""
    unseen = [gate for gate in report.gates if gate.verdict is Verdict.INVALID]
    reasons = [*report.reasons, *(f"{gate.name}: {gate.message}" for gate in unseen)]
    return reasons or (["nothing was judged"] if report.verdict is Verdict.INVALID else [])


def _joined(runs: Sequence[Run]) -> Run:
    """All frames of the runs, one run after the other: the numbers go on, as if it had been one."""
    whole = Run()
    for run in runs:
        frames_before = whole.frames
        parts_before = {worker: len(parts) for worker, parts in whole.parts.items()}
        for frame in run.seconds:
            whole.add(_moved(frame, frames_before, parts_before))
    return whole


def _moved(frame: Frame, frames_before: int, parts_before: Mapping[int, int]) -> Frame:
    """A frame as it is after so many others, and after so many parts of each generator."""
    return replace(
        frame,
        number=frame.number + frames_before,
        parts=tuple(
            replace(part, number=part.number + parts_before.get(part.worker, 0)) for part in frame.parts
        ),
    )
