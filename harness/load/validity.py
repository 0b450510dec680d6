"""Whether a load may be judged at all: what speaks against its own generators, each in one sentence.

A gate knows nothing of this: requests that were never sent cannot fail, and those that were sent late are no fault of the
service. With any of these a run is `invalid`, whatever its gates say.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.gates.cells import Cell
from harness.gates.criterion import Scope
from harness.gates.durations import Durations
from harness.gates.statistics import percentile_places
from harness.load.frames import Part, Run

DRIFT_S_LEAST = 0.010
DRIFT_SHARE = 0.05
"""So late may one request in a hundred be sent: 10 ms, or so much of the smallest limit of a latency."""

ACHIEVED_MIN = 0.99
STILL_S_MAX = 0.5
STILL_S_LEAST = 0.1
STILL_SHARE = 0.25
"""A generator that wakes half a second late, or by a quarter of the smallest limit of a latency, was kept from working."""

SILENT_FRAMES_MAX = 15
"""So many seconds without a report, and it is given up."""

CPU_MAX = 0.85
CPU_S_LEAST = 0.5
"""A report of less says nothing of how busy a generator is."""
CPU_SECONDS = 3
"""A generator that takes more than 85 % of a core for so many of its frames in a row measures itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a run was to be: so many generators; `limit_s` is the smallest limit of a latency, None without any."""

    workers: int
    limit_s: float | None = None

    @property
    def drift_s_max(self) -> float:
        """So late may one request in a hundred be sent."""
        return max(DRIFT_S_LEAST, DRIFT_SHARE * (self.limit_s or 0.0))

    @property
    def still_s_max(self) -> float:
        """For so long a generator may stand still: what it sends meanwhile takes so much longer, which is not the service's."""
        return min(STILL_S_MAX, max(STILL_S_LEAST, STILL_SHARE * (self.limit_s or math.inf)))


def doubts(run: Run, expected: Expected, *, ended: bool = True) -> tuple[str, ...]:
    """Why the run is invalid; nothing where it can be judged. Before it has `ended` nobody is missed who may still come."""
    missing = [number for number in range(expected.workers) if number not in run.parts]
    found = [f"generator {number} never reported" for number in missing if ended]
    for number in sorted(run.parts):
        found += _of_worker(number, run.parts[number], expected, ended=ended)
    found += _of_all([part for parts in run.parts.values() for part in parts], expected)
    whole = run.cells.within(Scope())
    sent = sum(part.sent for parts in run.parts.values() for part in parts)
    if ended and whole.requests and sent != whole.requests:
        found.append(
            f"{sent:,} requests were sent and {whole.requests:,} are on record: the others never ended"
        )
    if whole.requests and not whole.answered:
        found.append(f"not one request was answered{_first(whole)}: is the service there?")
    return tuple(found)


def silent(run: Run, expected: Expected) -> tuple[str, ...]:
    """Which generators have been silent for so long that nothing more is expected of them; one that has ended is not."""
    ended = {number for number, parts in run.parts.items() if parts[-1].ended}
    return tuple(
        f"generator {number} was silent for {run.frames - run.heard.get(number, 0)} s"
        for number in range(expected.workers)
        if number not in ended and run.frames - run.heard.get(number, 0) > SILENT_FRAMES_MAX
    )


def _of_worker(number: int, parts: Sequence[Part], expected: Expected, *, ended: bool) -> Iterable[str]:
    """What speaks against one generator."""
    numbers = [part.number for part in parts]
    if numbers != list(range(len(numbers))):
        lost = sorted(set(range(max(numbers) + 1)) - set(numbers))
        told = f"report {lost[0]} is missing" if lost else "its reports came out of order, or twice"
        yield f"generator {number}: {told}"
    if ended and not any(part.ended for part in parts):
        yield f"generator {number} did not come to its end: after {len(parts)} reports nothing was heard of it"
    still_s = max((part.late_s for part in parts), default=0.0)
    if still_s > expected.still_s_max:
        yield f"generator {number} stood still for {still_s:.2f} s: take a quieter machine"
    busy = longest = 0
    for part in (one for one in parts if one.took_s >= CPU_S_LEAST):
        busy = busy + 1 if part.cpu > CPU_MAX else 0
        longest = max(longest, busy)
    if longest >= CPU_SECONDS:
        yield (
            f"generator {number} took more than {CPU_MAX:.0%} of a core for {longest} reports in a row: "
            "take more generators, or a lower rate"
        )


def _first(cell: Cell) -> str:
    """How the first request ended."""
    return "".join(f", and the first was {told}" for told in cell.examples.get("failed", ())[:1])


def _of_all(parts: Sequence[Part], expected: Expected) -> Iterable[str]:
    """What speaks against all of them together."""
    due, sent = sum(part.due for part in parts), sum(part.sent for part in parts)
    dropped, strangers = sum(part.dropped for part in parts), sum(part.strangers for part in parts)
    if strangers:
        yield f"{strangers:,} answers did not carry the nonce of the target: another process answered"
    if dropped:
        yield f"{dropped:,} of {due:,} requests were dropped, as too many were under way: take a lower rate"
    elif sent < ACHIEVED_MIN * due:
        yield f"{sent:,} of {due:,} requests that were due were sent: less than {ACHIEVED_MIN:.0%}"
    drift = Durations()
    for part in parts:
        drift.merge(part.drift)
    # Of a few requests one that was late proves nothing: it takes as many as show that one in a hundred is.
    place, _ = percentile_places(drift.count, 0.99)
    late_us = None if place is None else drift.at_rank_us(place)
    if late_us is not None and late_us / 1_000_000 > expected.drift_s_max:
        yield (
            f"one request in a hundred was sent {late_us / 1000:.3g} ms late or later, and "
            f"{expected.drift_s_max * 1000:.3g} ms are tolerable: take a lower rate or a quieter machine"
        )
