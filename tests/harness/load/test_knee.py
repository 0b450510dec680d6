"""The knee: which rates are tried, what is said of them, and what is not made up where a run cannot say it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest

from harness.errors import UsageError
from harness.gates.cells import Cell, Cells
from harness.gates.durations import Durations
from harness.gates.result import GateResult, Unit
from harness.load.frames import Frame, Part, Run
from harness.load.knee import APART, Knee, Measure, Step, find_knee
from harness.load.report import LoadReport
from harness.load.validity import Expected, doubts
from harness.verdict import Verdict

Outcome = tuple[Verdict, tuple[str, ...]]
PASSED: Outcome = (Verdict.PASSED, ())
FAILED: Outcome = (Verdict.FAILED, ())
UNDECIDED: Outcome = (Verdict.UNDECIDED, ())
LIMITED: Outcome = (
    Verdict.PASSED,
    ("3 of 900 requests were dropped, as too many were under way: take a lower rate",),
)
LATE = Durations()
LATE.add([500_000] * 10)


def report(outcome: Outcome, cell: Cell | None = None) -> LoadReport:
    """A run of which its one gate and its reasons say this."""
    verdict, reasons = outcome
    gate = GateResult(
        name="p99 < 2s",
        verdict=verdict,
        observed=None,
        bound=None,
        limit=2.0,
        unit=Unit.SECONDS,
        message="30 of 900",
    )
    cells = {} if cell is None else {("chat", "POST /turn", "load"): cell}
    run = Run.of([Frame(number=0, cells=Cells(by_key=cells))])
    return LoadReport(seed=0, model="", gates=(gate,), replay="", reasons=reasons, run=run)


def measured(outcome: Callable[[float], Outcome]) -> Measure:
    """A service of which the rate decides what becomes of a run."""

    async def measure(rate_per_s: float) -> LoadReport:
        return report(outcome(rate_per_s))

    return measure


def above(limit_per_s: float, outcome: Outcome = FAILED) -> Measure:
    """A service that passes up to a rate."""
    return measured(lambda rate_per_s: PASSED if rate_per_s <= limit_per_s else outcome)


def at(outcomes: Mapping[float, Outcome], otherwise: Outcome = PASSED) -> Measure:
    """A service of which a few rates are told."""
    return measured(lambda rate_per_s: outcomes.get(rate_per_s, otherwise))


def rates(knee: Knee) -> list[float]:
    """The rates that were tried, in their order."""
    return [step.rate_per_s for step in knee.steps]


async def test_a_ramp_and_a_bisection_find_the_knee() -> None:
    """The rate doubles until one fails, and the two are then narrowed by their ratio to within 10 %."""
    knee = await find_knee(above(130), start_per_s=25, most_per_s=1_000)
    assert rates(knee) == [25, 50, 100, 200, 141, 119, 130]
    assert (knee.highest_passing, knee.lowest_failing) == (130, 141)
    assert knee.verdict is Verdict.PASSED
    assert knee.answer == "130/s passes, 141/s fails (p99 < 2s: 30 of 900)"


@pytest.mark.parametrize("limit_per_s", [1, 1.9, 2, 3.3, 37, 99.4, 512, 1_234, 9_999, 19_999])
async def test_wherever_the_knee_is_it_is_found(limit_per_s: float) -> None:
    """It lies between the two rates, which are no further apart than 10 %, in a few steps that are all different."""
    knee = await find_knee(above(limit_per_s), start_per_s=1, most_per_s=20_000)
    assert knee.highest_passing is not None
    assert knee.lowest_failing is not None
    assert knee.highest_passing <= limit_per_s < knee.lowest_failing <= knee.highest_passing * APART
    assert len(set(rates(knee))) == len(knee.steps) <= 20


@pytest.mark.parametrize(("most_per_s", "tried"), [(100, [25, 50, 100]), (90, [25, 50, 90]), (25, [25])])
async def test_where_nothing_fails_no_bound_is_told(most_per_s: float, tried: list[float]) -> None:
    """The most rate is tried, none above it, and no rate is called the knee."""
    knee = await find_knee(above(1_000), start_per_s=25, most_per_s=most_per_s)
    assert rates(knee) == tried
    assert (knee.highest_passing, knee.lowest_failing) == (most_per_s, None)
    assert knee.verdict is Verdict.PASSED
    assert knee.answer == f"no bound was found up to {most_per_s:g}/s: all rates pass"


async def test_where_the_first_rate_fails_it_is_halved() -> None:
    """The knee below the first rate is found as well as one above it."""
    knee = await find_knee(above(20), start_per_s=100, most_per_s=1_000)
    assert rates(knee) == [100, 50, 25, 12.5, 17.7, 21, 19.3]
    assert (knee.highest_passing, knee.lowest_failing, knee.verdict) == (19.3, 21, Verdict.PASSED)


@pytest.mark.parametrize(("outcome", "verdict", "how"), [
    (FAILED, Verdict.FAILED, "fails"),
    (UNDECIDED, Verdict.UNDECIDED, "is undecided"),
])  # fmt: skip
async def test_where_no_rate_passes_it_is_said(outcome: Outcome, verdict: Verdict, how: str) -> None:
    """After five halvings; it fails where one of them failed, and is undecided where none was decided."""
    knee = await find_knee(above(0, outcome), start_per_s=64, most_per_s=1_000)
    assert rates(knee) == [64, 32, 16, 8, 4, 2]
    assert (knee.highest_passing, knee.lowest_failing, knee.verdict) == (None, 2, verdict)
    assert knee.answer == f"not even 2/s passes: 2/s {how} (p99 < 2s: 30 of 900)"


async def test_one_that_fails_among_undecided_rates_fails_all() -> None:
    """No rate passes, and one is proven not to: that is no lack of requests."""
    knee = await find_knee(at({64: FAILED}, UNDECIDED), start_per_s=64, most_per_s=64)
    assert knee.verdict is Verdict.FAILED


async def test_an_undecided_rate_is_an_upper_end_and_named() -> None:
    """It has not passed, and the answer does not say that it failed."""
    knee = await find_knee(above(50, UNDECIDED), start_per_s=50, most_per_s=100)
    assert (knee.highest_passing, knee.lowest_failing) == (50, 54.5)
    assert knee.answer == "50/s passes, 54.5/s is undecided (p99 < 2s: 30 of 900)"


async def test_the_limit_of_the_generators_is_an_answer_of_its_own() -> None:
    """A rate that they cannot send ends the search: it is neither the service's limit nor a pass."""
    knee = await find_knee(above(100, LIMITED), start_per_s=50, most_per_s=1_000)
    assert rates(knee) == [50, 100, 200, 200]
    assert (knee.highest_passing, knee.lowest_failing, knee.verdict) == (100, None, Verdict.UNDECIDED)
    assert knee.answer == (
        f"100/s passes; at 200/s the generators came to their limit first: {LIMITED[1][0]}"
    )
    assert [step.limited for step in knee.steps] == [False, False, True, True]


async def test_an_invalid_rate_between_two_keeps_what_is_known() -> None:
    """The bisection ends, and both rates that it lies between are told."""
    knee = await find_knee(at({200: FAILED, 141: LIMITED}), start_per_s=100, most_per_s=1_000)
    assert rates(knee) == [100, 200, 141, 141]
    assert (knee.highest_passing, knee.lowest_failing, knee.verdict) == (100, 200, Verdict.UNDECIDED)
    assert knee.answer.startswith("100/s passes, 200/s fails (p99 < 2s: 30 of 900); at 141/s the generators")


async def test_a_rate_that_could_not_be_measured_is_tried_once_more() -> None:
    """A moment of a busy machine is no answer: where the second run can be trusted, the search goes on with it."""
    tried: list[float] = []

    async def measure(rate_per_s: float) -> LoadReport:
        tried.append(rate_per_s)
        hiccup = rate_per_s == 200 and tried.count(200) == 1
        return report(LIMITED if hiccup else PASSED if rate_per_s <= 200 else FAILED)

    knee = await find_knee(measure, start_per_s=200, most_per_s=400)
    assert tried[:3] == [200, 200, 400]
    assert (knee.highest_passing or 0) >= 200
    assert knee.verdict is Verdict.PASSED


async def test_an_interrupted_search_says_what_it_knows() -> None:
    """Cancelled in its third step, its two others are told, and it is no verdict on the service; before any, nothing is."""
    found: list[Knee] = []

    def cancelled(at_per_s: float) -> Measure:
        async def measure(rate_per_s: float) -> LoadReport:
            if rate_per_s == at_per_s:
                raise asyncio.CancelledError
            return report(PASSED)

        return measure

    for at_per_s in (200, 50):
        with pytest.raises(asyncio.CancelledError):
            await find_knee(cancelled(at_per_s), start_per_s=50, most_per_s=1_000, partial=found.append)
    first, second = found
    assert (rates(first), first.highest_passing, first.verdict) == ([50, 100], 100, Verdict.INVALID)
    assert first.answer == "the search was interrupted: 100/s passes"
    assert (rates(second), second.answer) == ([], "the search was interrupted: no rate has passed")


async def test_a_target_that_died_is_no_limit_of_the_generators() -> None:
    """Its death is told first, though the generators then lack answers, and they are not accused."""
    died = (Verdict.PASSED, (*LIMITED[1], "the target died under load"))
    knee = await find_knee(above(100, died), start_per_s=100, most_per_s=1_000)
    assert knee.verdict is Verdict.UNDECIDED
    assert knee.answer == "100/s passes; the run at 200/s cannot be trusted: the target died under load"


@pytest.mark.parametrize(
    ("outcomes", "tried"), [({64.0: LIMITED}, [64, 64]), ({32.0: LIMITED}, [64, 32, 32])]
)
async def test_an_invalid_rate_before_any_passed_is_invalid(
    outcomes: dict[float, Outcome], tried: list[float]
) -> None:
    """At the first rate, or on the way down: nothing more is tried, and nothing is said of the service."""
    knee = await find_knee(at(outcomes, FAILED), start_per_s=64, most_per_s=1_000)
    assert rates(knee) == tried
    assert knee.verdict is Verdict.INVALID
    assert knee.answer == f"the run at {tried[-1]:g}/s cannot be trusted: {LIMITED[1][0]}"


@pytest.mark.parametrize(("changed", "limited"), [
    ({"dropped": 3}, True),
    ({"sent": 80}, True),
    ({"cpu": 0.95}, True),
    ({"drift": LATE}, True),
    ({"strangers": 1}, False),
    ({"ended": False}, False),
])  # fmt: skip
def test_limits_of_generators_are_known_by_the_words_of_their_doubts(
    changed: dict[str, object], limited: bool
) -> None:
    """What speaks against a run is asked of the very check that says it, so that other words there are seen here."""
    whole: dict[str, object] = {"due": 100, "sent": 100, "ended": True, **changed}
    parts = [Part(worker=0, number=number, **whole) for number in range(4)]  # type: ignore[arg-type]  # values by name
    reasons = doubts(Run.of([Frame(number=0, parts=tuple(parts))]), Expected(workers=1))
    assert len(reasons) == 1
    assert Step.of(1.0, report((Verdict.PASSED, reasons))).limited is limited


@pytest.mark.parametrize(("failed", "p99_s"), [(0, 0.01), (1, 0.01), (2, float("inf"))])
def test_a_step_counts_failed_requests_as_endless(failed: int, p99_s: float) -> None:
    """Of 100 requests one may fail; with two there is no 99th percentile, and JSON has null for it."""
    cell = Cell(requests=100, failed=failed)
    cell.latency.add([10_000] * (100 - failed))
    step = Step.of(5, report(FAILED, cell))
    assert step.requests == 100
    assert step.p99_s == pytest.approx(p99_s, rel=0.01)
    assert (step.to_json()["p99_s"] is None) is (failed == 2)


def test_a_step_without_a_request_has_no_percentile() -> None:
    """Nothing is known of it."""
    assert Step.of(5, report(FAILED)).p99_s is None


def test_a_step_of_a_run_without_a_gate_says_why_it_is_none() -> None:
    """It is invalid without a reason of its own, and still says one."""
    step = Step.of(5, LoadReport(seed=0, model="", gates=(), replay=""))
    assert (step.verdict, step.reason, step.limited) == (Verdict.INVALID, "nothing was judged", False)


async def test_the_document_has_all_that_was_found() -> None:
    """It is JSON, with each step, its verdict and its reason."""
    knee = await find_knee(above(100), start_per_s=100, most_per_s=105)
    told = json.loads(json.dumps(knee.to_json(seed=5, replay="shakeout load")))
    assert {name: value for name, value in told.items() if name != "steps"} == {
        "schema": 1,
        "kind": "knee",
        "verdict": "passed",
        "seed": 5,
        "replay": "shakeout load",
        "answer": knee.answer,
        "highest_passing_per_s": 100,
        "lowest_failing_per_s": 105,
    }
    assert told["steps"][1] == {
        "rate_per_s": 105,
        "verdict": "failed",
        "requests": 0,
        "p99_s": None,
        "reason": "p99 < 2s: 30 of 900",
        "limited": False,
    }
    assert told["steps"][0]["reason"] == ""


@pytest.mark.parametrize(
    ("start_per_s", "most_per_s"),
    [(0, 10), (-1, 10), (20, 10), (1, 20_001), (0.1, 20_000), (float("nan"), 10)],
)
async def test_rates_that_cannot_be_searched_are_refused(start_per_s: float, most_per_s: float) -> None:
    """Before anything is run: no rate, one above the most, or so low a first one that the ramp has no end."""
    tried: list[float] = []

    def outcome(rate_per_s: float) -> Outcome:
        tried.append(rate_per_s)
        return PASSED

    with pytest.raises(UsageError, match="requests a second"):
        await find_knee(measured(outcome), start_per_s=start_per_s, most_per_s=most_per_s)
    assert tried == []


async def test_a_ramp_never_more_than_doubles() -> None:
    """A service is not thrown from one rate to one many times as high."""
    knee = await find_knee(above(1_000), start_per_s=3, most_per_s=700)
    assert all(now <= 2 * was for was, now in pairwise(rates(knee)))
