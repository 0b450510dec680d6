"""The knee: up to which rate a service keeps its gates. A ramp finds two rates that it lies between, a bisection narrows them.

Each step is a load run of its own, judged by the caller's gates. What such a run cannot say is not made up: a step that is
undecided has not passed, and one that is invalid ends the search, since beyond it nothing can be measured.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.errors import UsageError
from harness.gates.criterion import Scope
from harness.load.phases import RATE_MAX
from harness.load.report import LoadReport
from harness.verdict import Verdict

Measure = Callable[[float], Awaitable[LoadReport]]
"""One load run at so many requests a second."""

SCHEMA = 1
FACTOR = 2.0
APART = 1.1
"""The highest rate that passes and the lowest that does not are no further apart than that: within 10 %."""
DOWN_STEPS_MAX = 5
UP_STEPS_MAX = 16
"""The most rate may be so many doublings above the first: 16 are 65,536 times as much."""
DIGITS = 3
"""A rate that is tried between two others is written with so many, to be read and to be given again."""
LIMITS = ("take a lower rate", "or a lower rate", "requests that were due were sent")
"""What `harness.load.validity` says where it is the generators that cannot do more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate that was tried. `p99_s` counts a request that failed as endless; `reason` is the first against a pass."""

    rate_per_s: float
    verdict: Verdict
    requests: int
    p99_s: float | None
    reason: str = ""
    limited: bool = False

    @classmethod
    def of(cls, rate_per_s: float, report: LoadReport) -> "Step":
        """What a run says of its rate."""
        limited = [any(limit in reason for limit in LIMITS) for reason in report.reasons]
        return cls(
            rate_per_s=rate_per_s,
            verdict=report.verdict,
            requests=report.requests,
            p99_s=_p99_s(report),
            reason=_reason(report, limited),
            limited=bool(limited) and all(limited),
        )

    def to_json(self) -> dict[str, Any]:
        """The step as it stands in `steps[]`; a duration that is endless or unknown is null."""
        known = self.p99_s is not None and math.isfinite(self.p99_s)
        return {**asdict(self), "verdict": str(self.verdict), "p99_s": self.p99_s if known else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """What a search has found: its `steps` in the order in which they were made, and the `answer` in one sentence.

    `lowest_failing` is the lowest rate that did not pass: where its step is undecided the answer says so.
    """

    steps: tuple[Step, ...]
    highest_passing: float | None
    lowest_failing: float | None
    answer: str
    verdict: Verdict

    def to_json(self, *, seed: int, replay: str) -> dict[str, Any]:
        """The document for `--json`."""
        return {
            "schema": SCHEMA,
            "kind": "knee",
            "verdict": str(self.verdict),
            "seed": seed,
            "replay": replay,
            "answer": self.answer,
            "highest_passing_per_s": self.highest_passing,
            "lowest_failing_per_s": self.lowest_failing,
            "steps": [step.to_json() for step in self.steps],
        }


NOTHING = Knee(steps=(), highest_passing=None, lowest_failing=None, answer="", verdict=Verdict.INVALID)
"""A search that has not tried anything."""


async def find_knee(
    measure: Measure,
    *,
    start_per_s: float,
    most_per_s: float,
    partial: Callable[[Knee], None] = lambda _: None,
) -> Knee:
    """Search from one rate up to another; where not even the first passes, a few halvings below it.

    `partial` is told what is known so far where the search is cancelled.

    Raises:
        UsageError: the rates are out of range, or so far apart that the ramp would not end.
    """
    _check(start_per_s, most_per_s)
    search = _Search(measure)
    try:
        await search.ramp(start_per_s, most_per_s)
        await search.narrow()
    except asyncio.CancelledError:
        partial(search.interrupted())
        raise
    return search.knee()


def _check(start_per_s: float, most_per_s: float) -> None:
    """Hold the rates to their limits."""
    if not 0 < start_per_s <= most_per_s <= RATE_MAX:
        raise UsageError(
            f"from {start_per_s:g} to {most_per_s:g} requests a second: the first rate must be more than 0, the most at "
            f"least as much, and at most {RATE_MAX:g}"
        )
    if most_per_s / start_per_s > FACTOR**UP_STEPS_MAX:
        raise UsageError(
            f"from {start_per_s:g} to {most_per_s:g} requests a second are more than {UP_STEPS_MAX} doublings: "
            "begin at a higher rate"
        )


@dataclass(slots=True)
class _Search:
    """The steps so far, the best that passes, the least that does not, and the one that could not be measured."""

    measure: Measure
    steps: list[Step] = field(default_factory=list)
    passing: Step | None = None
    failing: Step | None = None
    invalid: Step | None = None

    async def step(self, rate_per_s: float) -> Step:
        """Try one rate, once more where that cannot be trusted: a moment of a busy machine is over then."""
        step = await self._tried(rate_per_s)
        if step.verdict is Verdict.INVALID:
            step = await self._tried(rate_per_s)
        match step.verdict:
            case Verdict.PASSED:
                self.passing = step
            case Verdict.INVALID:
                self.invalid = step
            case _:
                self.failing = step
        return step

    async def _tried(self, rate_per_s: float) -> Step:
        step = Step.of(rate_per_s, await self.measure(rate_per_s))
        self.steps.append(step)
        return step

    async def ramp(self, start_per_s: float, most_per_s: float) -> None:
        """Double the rate while it passes; where the first does not, halve it until one does."""
        rate_per_s = start_per_s
        while (await self.step(rate_per_s)).verdict is Verdict.PASSED and rate_per_s < most_per_s:
            rate_per_s = min(rate_per_s * FACTOR, most_per_s)
        for _ in range(DOWN_STEPS_MAX):
            if self.passing is not None or self.invalid is not None:
                return
            rate_per_s /= FACTOR
            await self.step(rate_per_s)

    async def narrow(self) -> None:
        """Try what lies between, by the ratio, until the two rates are near each other."""
        while self.passing is not None and self.failing is not None and self.invalid is None:
            low, high = self.passing.rate_per_s, self.failing.rate_per_s
            if high <= low * APART:
                return
            await self.step(float(f"{math.sqrt(low * high):.{DIGITS}g}"))

    def knee(self) -> Knee:
        """What was found."""
        verdict, answer = self._found()
        return Knee(
            steps=tuple(self.steps),
            highest_passing=None if self.passing is None else self.passing.rate_per_s,
            lowest_failing=None if self.failing is None else self.failing.rate_per_s,
            answer=answer,
            verdict=verdict,
        )

    def interrupted(self) -> Knee:
        """What is known of a search that was not made to its end."""
        passing = "no rate has passed" if self.passing is None else f"{self.passing.rate_per_s:g}/s passes"
        failing = "" if self.failing is None else f", {_ended(self.failing)}"
        return replace(
            self.knee() if self.steps else NOTHING,
            verdict=Verdict.INVALID,
            answer=f"the search was interrupted: {passing}{failing}",
        )

    def _found(self) -> tuple[Verdict, str]:
        """The verdict and the answer."""
        if self.invalid is not None:
            return self._unmeasured(self.invalid)
        if self.failing is None:
            return Verdict.PASSED, f"no bound was found up to {self.steps[-1].rate_per_s:g}/s: all rates pass"
        if self.passing is None:
            failed = any(step.verdict is Verdict.FAILED for step in self.steps)
            verdict = Verdict.FAILED if failed else Verdict.UNDECIDED
            return verdict, f"not even {self.failing.rate_per_s:g}/s passes: {_ended(self.failing)}"
        return Verdict.PASSED, f"{self.passing.rate_per_s:g}/s passes, {_ended(self.failing)}"

    def _unmeasured(self, invalid: Step) -> tuple[Verdict, str]:
        """A step could not be measured: with one that passed below it, that is where the search ends."""
        told = f"the run at {invalid.rate_per_s:g}/s cannot be trusted: {invalid.reason}"
        if self.passing is None:
            return Verdict.INVALID, told
        if invalid.limited:
            told = f"at {invalid.rate_per_s:g}/s the generators came to their limit first: {invalid.reason}"
        known = "" if self.failing is None else f", {_ended(self.failing)}"
        return Verdict.UNDECIDED, f"{self.passing.rate_per_s:g}/s passes{known}; {told}"


def _ended(step: Step) -> str:
    """How a rate did not pass."""
    how = "is undecided" if step.verdict is Verdict.UNDECIDED else "fails"
    return f"{step.rate_per_s:g}/s {how} ({step.reason})"


def _reason(report: LoadReport, limited: list[bool]) -> str:
    """The first that speaks against a pass; what is no limit of the generators comes first, as it may have led to the rest."""
    if report.reasons:
        return min(zip(limited, report.reasons, strict=True), key=lambda pair: pair[0])[1]
    of_verdict = [gate for gate in report.gates if gate.verdict is report.verdict]
    if report.verdict is Verdict.PASSED or not of_verdict:
        return "" if report.gates else "nothing was judged"
    return f"{of_verdict[0].name}: {of_verdict[0].message}"


def _p99_s(report: LoadReport) -> float | None:
    """What 99 of 100 requests took at most; endless where more than one of them failed, None without any."""
    whole = report.run.cells.within(Scope())
    if not whole.requests:
        return None
    rank = max(1, math.ceil(0.99 * whole.requests))
    return whole.latency.at_rank_us(rank) / 1e6 if rank <= whole.latency.count else math.inf
