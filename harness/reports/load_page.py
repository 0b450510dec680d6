"""The page of a load run: what its gates say, and how it went, second by second. One file without a script or a network."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from pathlib import Path

from harness.errors import UsageError
from harness.gates.cells import Cell
from harness.gates.criterion import Criterion, Scope, written
from harness.gates.durations import Durations
from harness.gates.grammar import parse
from harness.gates.metrics import PERCENTILES, STREAMED
from harness.gates.result import HEADINGS, GateResult
from harness.load.frames import Frame, Run
from harness.load.options import UNDER_FAULT
from harness.load.report import LoadReport
from harness.load.validity import CPU_MAX, Expected
from harness.redaction import Redactor, configured
from harness.reports import html
from harness.reports import load_figures as draw
from harness.reports.json_file import write_whole
from harness.reports.load_figures import Axis, Figure

BUCKETS_MAX = 600
EVENTS_SHOWN = 10
REPORT_S_MIN = 0.5
"""What a generator took of a core in less, as in its last report, says nothing."""
FRAME_S = 1.0
"""A frame is written so often; what comes behind the last phase has no other time of its own."""

LATENCIES = (("p50", "lag", 0.5), ("p95", "client", 0.95), ("p99", "server", 0.99), ("max", "other", 1.0))
CLASSES = (
    ("2xx", "ok"),
    ("1xx, 3xx", "other"),
    ("4xx", "client"),
    ("shed: 503 with Retry-After", "lag"),
    ("5xx", "server"),
    ("no answer", "none"),
)
Mark = tuple[Criterion, GateResult]
"""A gate that holds a percentile to a limit, read and judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A phase, from when it began to its end; faults are there in those `UNDER_FAULT`."""

    name: str
    begin_s: float
    end_s: float

    @property
    def tone(self) -> str:
        """How it is shaded."""
        return "fault" if self.name.startswith(UNDER_FAULT) else "calm"


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Some frames next to each other, added up; `cpu` is the most that one generator took."""

    begin_s: float
    end_s: float
    lasted_s: Counter[str] = field(default_factory=Counter)
    cell: Cell = field(default_factory=Cell)
    drift: Durations = field(default_factory=Durations)
    cpu: float | None = None

    def take(self, frame: Frame) -> None:
        """Count one more frame."""
        self.lasted_s.update(frame.lasted_s)
        for cell in frame.cells.by_key.values():
            self.cell.merge(cell)
        for part in frame.parts:
            self.drift.merge(part.drift)
            if part.took_s >= REPORT_S_MIN:
                self.cpu = max(part.cpu, self.cpu or 0.0)

    @property
    def middle_s(self) -> float:
        """The time at which its values stand."""
        return (self.begin_s + self.end_s) / 2

    @property
    def took_s(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s

    def told(self, values: Iterable[str]) -> tuple[float, float, str]:
        """What is told under the pointer: the time, the phase and these values."""
        phases = ", ".join(self.lasted_s) or "after the last phase"
        head = f"{draw.clock(self.begin_s)} to {draw.clock(self.end_s)}, {phases}"
        return self.begin_s, self.end_s, "\n".join((head, *values))


def write(path: Path, report: LoadReport) -> None:
    """Write the page; it appears whole or not at all, and without the secrets of an answer, a log or a command.

    Raises:
        InvalidRun: it cannot be written.
        UsageError: what is to be redacted cannot be read.
    """
    redact = Redactor(replace(configured(), messages=False)).text
    run, marks = report.run, list(limits(report.gates))
    stretches, whole = phases(run), run.cells.within(Scope())
    page = html.render(
        "load.html",
        report=report,
        redact=redact,
        headings=HEADINGS,
        duration=draw.duration,
        phases=list(phase_rows(run, stretches)),
        percentiles=percentiles(whole, marks),
        series=over_time(buckets(run), stretches, marks),
        folded=math.ceil(run.frames / BUCKETS_MAX),
        whole=whole,
        events=event_rows(run, stretches),
    )
    # A log may hold half of a surrogate pair, which no encoding has.
    write_whole(path, page.encode("utf-8", "backslashreplace"))


def phases(run: Run) -> list[Stretch]:
    """The phases in the order in which they came: a frame names them by the alphabet."""
    seen: dict[str, list[int]] = {}
    for number, frame in enumerate(run.seconds):
        for name in frame.lasted_s:
            seen.setdefault(name, []).append(number)
    order = sorted(seen, key=lambda name: (seen[name][0], seen[name][-1]))
    edges_s = accumulate((run.lasted_s[name] for name in order), initial=0.0)
    return [
        Stretch(name=name, begin_s=begin_s, end_s=end_s)
        for name, (begin_s, end_s) in zip(order, pairwise(edges_s), strict=True)
    ]


def buckets(run: Run) -> list[Bucket]:
    """The frames in time, folded into at most `BUCKETS_MAX`; those at the end that hold nothing are left out."""
    frames = list(run.seconds)
    while frames and not (frames[-1].lasted_s or frames[-1].parts or frames[-1].cells.by_key):
        frames.pop()
    last = max((number for number, frame in enumerate(frames) if frame.lasted_s), default=0)
    took_s = [sum(frame.lasted_s.values()) or FRAME_S for frame in frames]
    took_s[last:] = [max(one_s, FRAME_S) for one_s in took_s[last:]]
    edges_s = list(accumulate(took_s, initial=0.0))
    each = max(1, math.ceil(len(frames) / BUCKETS_MAX))
    found = []
    for first in range(0, len(frames), each):
        held = frames[first : first + each]
        bucket = Bucket(begin_s=edges_s[first], end_s=edges_s[first + len(held)])
        for frame in held:
            bucket.take(frame)
        found.append(bucket)
    return found


def classes(cell: Cell) -> list[int]:
    """How many requests got each class of answer, by `CLASSES`; what was shed is not among the 5xx."""
    by_class: Counter[int] = Counter()
    for status, count in cell.statuses.items():
        by_class[status // 100] += count
    return [
        by_class[2],
        by_class[1] + by_class[3],
        by_class[4],
        cell.shed,
        by_class[5] - cell.shed,
        by_class[0],
    ]


def limits(gates: Sequence[GateResult]) -> Iterator[Mark]:
    """The gates that hold a percentile to a limit."""
    for gate in gates:
        try:
            criterion = parse(gate.name)
        except UsageError:
            # A gate that compares with a run before has a name that is none of the grammar's.
            continue
        if criterion.metric.removeprefix(STREAMED) in PERCENTILES:
            yield criterion, gate


def percentiles(whole: Cell, marks: Sequence[Mark]) -> Figure | None:
    """Latency by percentile with the limits of the gates; None where nothing was answered with a 200."""
    curves = (
        ("latency, from due", "lag", whole.latency),
        ("service time, from sent", "ok", whole.service),
        ("first token, from due", "none", whole.first_token),
    )
    figure = draw.percentile_figure(curves, [one.limit * 1e6 for one, _ in marks], PERCENTILES.values())
    if figure is None:
        return None
    for one, gate in sorted(marks, key=lambda mark: mark[0].limit):
        place = draw.nines(PERCENTILES[one.metric.removeprefix(STREAMED)])
        label = f"{one.metric} {one.op} {written(one.limit, one.figure)}"
        told = f"{gate.name}: {gate.verdict}"
        figure = figure.with_mark(place, one.limit * 1e6, label, told, str(gate.verdict))
    return figure


def over_time(held: Sequence[Bucket], stretches: Sequence[Stretch], marks: Sequence[Mark]) -> list[Figure]:
    """The figures with time as their axis, those that have something to show."""
    if not held:
        return []
    axis = draw.time_axis(held[-1].end_s)
    figures = (
        _latencies(axis, held),
        _answers("answers", axis, held, CLASSES),
        _answers("errors", axis, held, CLASSES[1:]),
        _drift(axis, held, marks),
        _cpu(axis, held),
    )
    bands = [(one.begin_s, one.end_s, one.name, one.tone) for one in stretches]
    return [one.with_bands(bands) for one in figures if one.drawn]


def _latencies(axis: Axis, held: Sequence[Bucket]) -> Figure:
    """The latency of each bucket; the line that lies highest is drawn first, so that it hides no other."""
    rows = [(one, [one.cell.latency.quantile_us(quantile) for _, _, quantile in LATENCIES]) for one in held]
    y = draw.durations_axis(value for _, row in rows for value in row if value is not None)
    figure = Figure(kind="latencies", x=axis, y=y, height=260.0)
    for number, (name, tone, _) in reversed(list(enumerate(LATENCIES))):
        figure = figure.with_line(name, tone, [(one.middle_s, row[number]) for one, row in rows])
    return figure.with_columns(
        one.told(
            f"{name}: {draw.duration(value)}"
            for (name, _, _), value in zip(LATENCIES, row, strict=True)
            if value is not None
        )
        for one, row in rows
    )


def _answers(kind: str, axis: Axis, held: Sequence[Bucket], layers: Sequence[tuple[str, str]]) -> Figure:
    """Answers a second, stacked by class."""
    rows = [(one, classes(one.cell)[-len(layers) :]) for one in held]
    stacks = [(one.begin_s, one.end_s, [count / one.took_s for count in row]) for one, row in rows]
    y = draw.amounts_axis(max(sum(stack) for _, _, stack in stacks), "/s")
    figure = Figure(kind=kind, x=axis, y=y).with_stack(layers, stacks)
    return figure.with_columns(
        one.told(f"{name}: {count:,}" for (name, _), count in zip(layers, row, strict=True) if count)
        for one, row in rows
    )


def _drift(axis: Axis, held: Sequence[Bucket], marks: Sequence[Mark]) -> Figure:
    """How late requests were sent, and what is tolerable in the whole run."""
    lates = [(one, one.drift.quantile_us(0.99)) for one in held]
    limit_s = min((one.limit for one, _ in marks if one.metric in PERCENTILES), default=None)
    most_us = Expected(workers=0, limit_s=limit_s).drift_s_max * 1e6
    y = draw.durations_axis([most_us * 1.2, *(late_us for _, late_us in lates if late_us is not None)])
    level = (most_us, f"tolerable: {draw.duration(most_us)}")
    figure = Figure(kind="drift", x=axis, y=y, height=170.0, level=level)
    figure = figure.with_line("drift p99", "lag", [(one.middle_s, late_us) for one, late_us in lates])
    return figure.with_columns(
        one.told(["nothing was sent" if late_us is None else f"drift p99: {draw.duration(late_us)}"])
        for one, late_us in lates
    )


def _cpu(axis: Axis, held: Sequence[Bucket]) -> Figure:
    """How much of a core the busiest generator took."""
    y = draw.amounts_axis(max(1.0, *(one.cpu or 0.0 for one in held)), " %", factor=100)
    figure = Figure(kind="cpu", x=axis, y=y, height=170.0, level=(CPU_MAX, f"{CPU_MAX:.0%}"))
    figure = figure.with_line("busiest generator", "lag", [(one.middle_s, one.cpu) for one in held])
    return figure.with_columns(
        one.told(["no generator reported" if one.cpu is None else f"busiest generator: {one.cpu:.1%}"])
        for one in held
    )


def phase_rows(run: Run, stretches: Sequence[Stretch]) -> Iterator[tuple[str, list[str], str]]:
    """A row a phase: its name, its figures and its tone."""
    for one in stretches:
        cell, took_s = run.cells.within(Scope(phase=one.name)), one.end_s - one.begin_s
        values = [cell.latency.quantile_us(quantile) for _, _, quantile in LATENCIES]
        rate = f"{cell.requests / took_s:.4g}/s" if took_s else "-"
        counts = (f"{cell.requests:,}", rate, f"{cell.failed:,}", f"{cell.shed:,}")
        latencies = ("-" if value is None else draw.duration(value) for value in values)
        when = f"{draw.clock(one.begin_s)} to {draw.clock(one.end_s)}"
        yield one.name, [when, *counts, *latencies], one.tone


def event_rows(
    run: Run, stretches: Sequence[Stretch]
) -> tuple[list[str], list[tuple[str, list[int]]]] | None:
    """The phases of the log, and how often it says its most frequent events in each; None without a log."""
    if run.log is None:
        return None
    order = [one.name for one in stretches]
    names = [*(name for name in order if name in run.log), *(name for name in run.log if name not in order)]
    cells = [run.log[name] for name in names]
    whole = sum((cell.events for cell in cells), Counter[str]())
    rows = [(event, [cell.events[event] for cell in cells]) for event, _ in whole.most_common(EVENTS_SHOWN)]
    return names, [("all lines", [cell.lines for cell in cells]), *rows]
