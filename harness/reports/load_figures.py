"""Figures as numbers: where each line, band and mark stands, in the units of an SVG that a template writes and escapes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.gates.durations import Durations

WIDTH = 960.0
LEFT = 62.0
RIGHT = 26.0
TOP = 20.0
BOTTOM = 24.0
LABEL = 6.2
"""About so wide is a letter of a label."""
LABEL_LINE = 13.0
MARK = 14.0
"""A mark reaches so far to both sides."""
CURVE_STEPS = 160

TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
TIME_TICKS = 10
VALUE_TICKS = 5
DECADES: Sequence[tuple[float, Sequence[int]]] = ((3.0, (1, 2, 5)), (5.0, (1, 5)))
"""How many ticks a power of ten has, by how many of those there are: more would be too close."""
LEAST_US = 10.0
"""An axis of powers has no zero: whatever is below stands at its foot."""

Point = tuple[float, float | None]
Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From `low` to `high`, evenly or by powers; `ticks` are values and what is written at them."""

    low: float
    high: float
    ticks: Ticks
    by_powers: bool = False

    def share(self, value: float) -> float:
        """How far along a value stands, from 0 to 1: at an edge where it is out of range."""
        if not self.by_powers:
            return _within((value - self.low) / (self.high - self.low))
        return _within(math.log(max(value, self.low) / self.low) / math.log(self.high / self.low))


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A stretch of the figure with what is told under the pointer; `label` is as much of it as there is room for."""

    x: float
    width: float
    text: str
    label: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One path; `tone` is its colour, `name` what the legend calls it."""

    path: str
    name: str
    tone: str
    is_filled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A limit at one place, and where its label stands: to its left where `is_left`."""

    x: float
    y: float
    path: str
    label_x: float
    label_y: float
    label: str
    detail: str
    tone: str
    is_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """All that is drawn of one figure, in units of the SVG; the template knows its title by its `kind`."""

    kind: str
    x: Axis
    y: Axis
    height: float = 220.0
    bands: tuple[Box, ...] = ()
    drawn: tuple[Drawn, ...] = ()
    marks: tuple[Mark, ...] = ()
    columns: tuple[Box, ...] = ()
    level: tuple[float, str] | None = None
    width: float = WIDTH
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP

    @property
    def bottom(self) -> float:
        """Where the axis of `x` stands."""
        return self.height - BOTTOM

    def at_x(self, value: float) -> float:
        """Where a value stands from the left."""
        return round(self.left + self.x.share(value) * (self.right - self.left), 1)

    def at_y(self, value: float) -> float:
        """Where a value stands from above."""
        return round(self.bottom - self.y.share(value) * (self.bottom - self.top), 1)

    def with_line(self, name: str, tone: str, points: Iterable[Point]) -> "Figure":
        """The figure and a line; it is broken where a point has no value."""
        parts, is_open = [], False
        for x, y in points:
            if y is not None:
                # A stretch of no length is seen as a dot: a value between two gaps is not lost.
                parts.append(
                    f"{'L' if is_open else 'M'}{self.at_x(x)},{self.at_y(y)}{'' if is_open else 'h0'}"
                )
            is_open = y is not None
        line = Drawn(path="".join(parts), name=name, tone=tone)
        return replace(self, drawn=(*self.drawn, line)) if parts else self

    def with_stack(
        self, layers: Sequence[tuple[str, str]], rows: Iterable[tuple[float, float, Sequence[float]]]
    ) -> "Figure":
        """The figure and, for each row from `begin` to `end`, its values on top of each other; layers are name and tone."""
        paths: list[list[str]] = [[] for _ in layers]
        for begin, end, values in rows:
            left, right, height = self.at_x(begin), self.at_x(end), 0.0
            for path, value in zip(paths, values, strict=True):
                if value:
                    low, high = self.at_y(height), self.at_y(height + value)
                    path.append(f"M{left},{low}H{right}V{high}H{left}z")
                height += value
        found = [
            Drawn(path="".join(path), name=name, tone=tone, is_filled=True)
            for path, (name, tone) in zip(paths, layers, strict=True)
            if path
        ]
        return replace(self, drawn=(*self.drawn, *found))

    def with_bands(self, bands: Iterable[tuple[float, float, str, str]]) -> "Figure":
        """The figure on stretches from `begin` to `end`, each with its name and tone."""
        boxes = [(self._box(begin, end, name), tone) for begin, end, name, tone in bands]
        found = (replace(box, label=shortened(box.text, box.width - 6), tone=tone) for box, tone in boxes)
        return replace(self, bands=tuple(found))

    def with_mark(self, x: float, y: float, label: str, detail: str, tone: str) -> "Figure":
        """The figure and a limit; its label stands beside it, and gives way to those that are there."""
        at_x, at_y = self.at_x(x), self.at_y(y)
        reach = len(label) * LABEL + 2 * MARK
        taken = [one.label_y for one in self.marks if abs(one.x - at_x) < reach]
        places = [
            at_y + 4 + sign * LABEL_LINE * number for number in range(2 * len(taken) + 1) for sign in (-1, 1)
        ]
        places = [y for y in places if LABEL_LINE <= y <= self.bottom] or places
        free = (y for y in places if all(abs(y - other) > LABEL_LINE - 1 for other in taken))
        label_y = next(free, places[-1])
        begin, end = max(self.left, at_x - MARK), min(self.right, at_x + MARK)
        path, is_left = f"M{begin:.1f},{at_y}H{end:.1f}", at_x + reach > self.right
        mark = Mark(
            x=at_x,
            y=at_y,
            path=path,
            label_x=begin - 4 if is_left else end + 4,
            label_y=label_y,
            label=label,
            detail=detail,
            tone=tone,
            is_left=is_left,
        )
        return replace(self, marks=(*self.marks, mark))

    def with_columns(self, columns: Iterable[tuple[float, float, str]]) -> "Figure":
        """The figure and what is told from `begin` to `end`."""
        return replace(self, columns=tuple(self._box(*column) for column in columns))

    def _box(self, begin: float, end: float, text: str) -> Box:
        """A stretch in units of the SVG."""
        return Box(x=self.at_x(begin), width=round(self.at_x(end) - self.at_x(begin), 1), text=text)


def shortened(name: str, width: float) -> str:
    """As much of a name as there is room for, and nothing where that would be no more than two letters."""
    letters = int(width / LABEL)
    if len(name) <= letters:
        return name
    return f"{name[: letters - 1]}…" if letters > 3 else ""  # noqa: PLR2004  # two letters and the dots


def durations_axis(values_us: Iterable[float]) -> Axis:
    """Microseconds by powers of ten, from a round number below all of them to one above."""
    known = [max(value, LEAST_US) for value in values_us] or [1_000.0]
    low, high = _round_below(min(known)), _round_above(max(known))
    if low == high:
        low = _round_below(low * 0.9)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades = math.log10(high / low)
    steps = next((some for most, some in DECADES if decades <= most), (1,))
    ticks = [step * 10.0**power for power in powers for step in steps]
    shown = tuple((one, duration(one)) for one in ticks if low <= one * 1.001 and one <= high * 1.001)
    return Axis(low=low, high=high, ticks=shown, by_powers=True)


def amounts_axis(most: float, unit: str = "", *, factor: float = 1.0) -> Axis:
    """From 0 to a round number; `factor` is what a value is multiplied with before it is written with its unit."""
    most = most or 1.0
    step = _round_above(most / VALUE_TICKS)
    count = math.ceil(most / step - 1e-9)
    ticks = tuple((number * step, f"{number * step * factor:,.6g}{unit}") for number in range(count + 1))
    return Axis(low=0.0, high=count * step, ticks=ticks)


def time_axis(whole_s: float) -> Axis:
    """Seconds from the beginning of a run to its end."""
    step = next((one for one in TIME_STEPS_S if whole_s / one <= TIME_TICKS), TIME_STEPS_S[-1])
    ticks = tuple((float(at_s), clock(at_s)) for at_s in range(0, int(whole_s) + 1, step))
    return Axis(low=0.0, high=whole_s, ticks=ticks)


def clock(at_s: float) -> str:
    """A time of a run: seconds, or minutes and seconds from a minute on."""
    if at_s < 60:  # noqa: PLR2004  # a minute
        return f"{at_s:.3g} s"
    minutes, seconds = divmod(round(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(value_us: float) -> str:
    """A duration in milliseconds, or in seconds from one on."""
    return f"{value_us / 1e6:.4g} s" if value_us >= 1e6 else f"{value_us / 1e3:.3g} ms"  # noqa: PLR2004  # a second


def _within(share: float) -> float:
    """The share, and never out of 0 to 1."""
    return min(1.0, max(0.0, share))


def _round_below(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(step * power for step in (1, 2, 5) if step == 1 or step * power <= value * (1 + 1e-9))


def _round_above(value: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def nines(quantile: float) -> float:
    """Where a quantile stands: each further nine is as far from the one before."""
    return -math.log10(1 - quantile)


def percentile_figure(
    curves: Sequence[tuple[str, str, Durations]], limits_us: Iterable[float], ticks: Iterable[float]
) -> Figure | None:
    """Durations by percentile, each curve with its name and tone; None where there is nothing to draw.

    A curve ends where less than one value is beyond: what stands further right nobody has seen.
    """
    low, high = nines(0.5), nines(0.9999)
    steps = [low + (high - low) * number / CURVE_STEPS for number in range(CURVE_STEPS + 1)]
    shown = []
    for name, tone, one in curves:
        reach = math.log10(one.count or 1) + 1e-9
        values = [one.quantile_us(1 - 10**-step) if step <= reach else None for step in steps]
        shown.append((name, tone, values))
    known = [value for _, _, values in shown for value in values if value is not None]
    if not known:
        return None
    marked = tuple((nines(quantile), f"{quantile * 100:g}") for quantile in ticks)
    y = durations_axis([*known, *limits_us])
    figure = Figure(kind="percentiles", x=Axis(low=low, high=high, ticks=marked), y=y, height=320.0)
    for name, tone, values in shown:
        figure = figure.with_line(name, tone, zip(steps, values, strict=True))
    half, columns = (high - low) / CURVE_STEPS / 2, []
    for number, step in enumerate(steps):
        told = [
            f"{name}: {duration(value)}" for name, _, values in shown if (value := values[number]) is not None
        ]
        columns.append((step - half, step + half, "\n".join((f"{100 - 100 * 10**-step:.4g} %", *told))))
    return figure.with_columns(columns)
