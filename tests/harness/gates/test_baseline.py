"""What became worse between two runs: surely and noticeably so, and not by the luck of a few seconds."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from harness.gates.baseline import BLOCKS_LEAST, compare
from harness.gates.cells import Cell
from harness.gates.resampled import UNITS_MAX
from harness.gates.result import GateResult
from harness.verdict import Verdict

SIMULATED = 200
RESAMPLES = 200


def second(values_us: Sequence[int], *, failed: int = 0) -> Cell:
    """What was counted in a second: these latencies, and so many requests that failed."""
    cell = Cell(requests=len(values_us) + failed, failed=failed)
    cell.latency.add(values_us)
    return cell


def steady(value_us: int, *, seconds: int = 60, rate: int = 50, failed: int = 0) -> list[Cell]:
    """A service that takes the same time for each request; so many fail in each second."""
    return [second([value_us] * (rate - failed), failed=failed) for _ in range(seconds)]


def wrong_now_and_then(wrong: int, *, seconds: int) -> list[Cell]:
    """So many errors, one after the other with as much time between any two."""
    places = {round(number * seconds / wrong) for number in range(wrong)}
    return [second([10_000] * (50 - (at in places)), failed=int(at in places)) for at in range(seconds)]


def drawn(random: Random, *, slower: float = 1.0, wobble: float = 0.03) -> list[Cell]:
    """A minute at 50 requests a second: lognormal latencies, of which seconds differ, each like the one before."""
    seconds, level = [], 0.0
    for _ in range(60):
        level = 0.7 * level + random.gauss(0, wobble)
        seconds.append(second([int(random.lognormvariate(11 + level, 0.5) * slower) for _ in range(50)]))
    return seconds


def compared(before: Sequence[Cell], after: Sequence[Cell], **how: float) -> dict[str, GateResult]:
    """The results, by the first word of their names."""
    results = compare(before, after, **how)  # type: ignore[arg-type]  # values by name
    return {result.name.split()[0]: result for result in results}


def simulated(count: int, **change: float) -> list[dict[str, GateResult]]:
    """So many comparisons of two minutes, of which the second is changed."""
    pairs = [(drawn(random), drawn(random, **change)) for random in map(Random, range(count))]
    return [compared(*pair, resamples=RESAMPLES) for pair in pairs]


def test_where_nothing_changed_few_comparisons_fail() -> None:
    """Of 200 comparisons of a service with itself about one in twenty has any figure that fails, at most."""
    failed = sum(
        any(result.verdict is Verdict.FAILED for result in results.values())
        for results in simulated(SIMULATED)
    )
    # Of 200 at 5 % each, 15 or fewer are it in 95 of 100.
    assert failed <= 15


def test_a_service_that_became_slower_by_a_fifth_is_found() -> None:
    """A true rise by 20 % fails the median and p95 nearly always, p99 mostly, and no other figure."""
    found = simulated(40, slower=1.2)
    failed = {name: sum(one[name].verdict is Verdict.FAILED for one in found) for name in found[0]}
    assert failed["p50"] >= 38
    assert failed["p95"] >= 38
    assert failed["p99"] >= 24
    assert failed["error"] == 0


def test_a_rise_by_the_least_effect_seldom_passes() -> None:
    """What is worse by just so much as is not to be borne is called not worse in about one of twenty, at most."""
    found = simulated(100, slower=1.05)
    assert sum(one["p50"].verdict is Verdict.PASSED for one in found) <= 9


def test_the_same_seconds_give_the_same_results() -> None:
    """The draws are seeded: figures and messages are equal, and another seed gives others."""
    before, after = drawn(Random(1)), drawn(Random(2))
    assert compare(before, after) == compare(before, after)
    assert compare(before, after, seed=1) != compare(before, after)


def test_a_steady_service_passes_against_itself() -> None:
    """Each figure passes, with what it is held to and what it is proven to be below."""
    results = compare(steady(10_000), steady(10_000))
    assert [result.name for result in results] == [
        *(f"p{share} not above its baseline by 5%" for share in (50, 90, 95, 99)),
        "error rate not above its baseline by 5% and by 0.1% of all requests",
    ]
    assert {result.verdict for result in results} == {Verdict.PASSED}
    assert (results[3].observed, results[3].bound, results[3].limit) == (0.0, 0.0, 0.05)
    assert results[3].message.startswith(
        "0.01002 s, then 0.01002 s: +0%, from +0% to +0% at 0.95 for each end"
    )


def test_a_change_that_is_small_is_not_worse_however_sure() -> None:
    """4 % passes where 5 % is the least effect, and fails with its lower end as its bound where 3 % is."""
    before, after = steady(100_000), steady(104_000)
    assert compared(before, after)["p50"].verdict is Verdict.PASSED
    result = compared(before, after, least_effect=0.03)["p50"]
    assert (result.verdict, result.limit) == (Verdict.FAILED, 0.03)
    assert result.observed == result.bound == pytest.approx(0.04, abs=0.004)


def test_what_became_better_passes() -> None:
    """A service that takes half as long is not worse by any figure."""
    assert {one.verdict for one in compare(steady(20_000), steady(10_000))} == {Verdict.PASSED}


def test_one_slow_stretch_proves_nothing() -> None:
    """Of 60 seconds twelve in a row are slow: were seconds drawn alone, no draw would be without; it may have been one incident."""
    before, after = steady(10_000), steady(10_000)
    after[20:32] = steady(50_000, seconds=12)
    result = compared(before, after)["p95"]
    assert result.observed == pytest.approx(4, abs=0.1)
    assert result.verdict is Verdict.UNDECIDED
    assert "a longer run is needed" in result.message
    assert result.bound is not None
    assert result.bound > 3


def test_stretches_go_around_the_end() -> None:
    """Slow seconds at either end weigh as much as in the middle: p95 is that of all seconds, wherever they are."""
    before = steady(10_000)
    for place in (0, 20, 56):
        after = steady(10_000)
        after[place : place + 4] = steady(50_000, seconds=4)
        assert compared(before, after)["p95"].observed == pytest.approx(4, abs=0.1)


def test_requests_that_failed_take_endlessly_long() -> None:
    """One of 50 fails: the 99th percentile has no end and fails, as does the error rate; p95 is what it was."""
    results = compared(steady(10_000), steady(10_000, failed=1))
    verdicts = {name: result.verdict for name, result in results.items()}
    assert verdicts == {
        **dict.fromkeys(("p50", "p90", "p95"), Verdict.PASSED),
        **dict.fromkeys(("p99", "error"), Verdict.FAILED),
    }
    assert results["p99"].message.startswith("0.01002 s, then failed: no end")
    assert results["p99"].to_json()["observed"] is None


def test_what_had_no_end_before_cannot_be_worse() -> None:
    """Where the baseline already had no 99th percentile, one that is there passes, and one that is not is undecided."""
    broken = steady(10_000, failed=1)
    assert compared(broken, steady(10_000))["p99"].verdict is Verdict.PASSED
    result = compared(broken, broken)["p99"]
    assert (result.verdict, result.observed, result.bound) == (Verdict.UNDECIDED, None, None)
    assert "no such answer in either run" in result.message


def test_a_change_that_may_be_any_is_no_pass() -> None:
    """Just under one of 100 fails in both runs, so that draws have no 99th percentile in either: they prove nothing."""
    runs = [[*steady(10_000, seconds=33), *steady(10_000, seconds=27, failed=1)] for _ in range(2)]
    result = compared(*runs)["p99"]
    assert result.observed == 0
    assert (result.verdict, result.bound) == (Verdict.UNDECIDED, float("inf"))
    assert result.message.endswith("a longer run is needed")


def test_draws_without_an_answer_in_either_run_are_no_pass() -> None:
    """The baseline never has a 99th percentile and the new run often has none: that it has one when seen whole is luck."""
    after = [*steady(10_000, seconds=33), *steady(10_000, seconds=27, failed=1)]
    result = compared(steady(10_000, failed=1), after)["p99"]
    assert result.observed == -1
    assert (result.verdict, result.bound) == (Verdict.UNDECIDED, float("inf"))


@pytest.mark.parametrize(("before", "after", "name", "told"), [
    (lambda: steady(10, seconds=BLOCKS_LEAST - 1), lambda: steady(10), "p50", "19 s of a run, and it takes 20"),
    (lambda: steady(10), lambda: steady(10, rate=4), "p99", "240 requests, and it takes 299"),
    (lambda: steady(10), list, "error", "a run has no request"),
    (list, list, "p99", "0 s of a run"),
])  # fmt: skip
def test_too_little_is_undecided(
    before: Callable[[], list[Cell]], after: Callable[[], list[Cell]], name: str, told: str
) -> None:
    """Few seconds, few requests or none: nothing is said, but how many it takes."""
    result = compared(before(), after())[name]
    assert (result.verdict, result.observed, result.bound) == (Verdict.UNDECIDED, None, None)
    assert told in result.message
    assert "a longer run is needed" in result.message


@pytest.mark.parametrize(("seconds", "before", "after", "verdict"), [
    (60, 0, 0, Verdict.PASSED),
    (58, 0, 0, Verdict.UNDECIDED),
    (60, 0, 12, Verdict.FAILED),
    (60, 12, 0, Verdict.PASSED),
    (60, 0, 6, Verdict.UNDECIDED),
])  # fmt: skip
def test_errors_are_compared_by_their_number(seconds: int, before: int, after: int, verdict: Verdict) -> None:
    """3,000 requests without an error prove a rise below 0.1 %, 2,900 do not; 12 are a rise, and 6 are none among all figures."""
    runs = [wrong_now_and_then(wrong, seconds=seconds) for wrong in (before, after)]
    assert compared(*runs)["error"].verdict is verdict


def test_errors_that_come_in_bursts_are_no_rise_by_one_burst_more() -> None:
    """100 errors of two seconds against 50 of one are chance, where as many that come one by one are a rise."""
    once, twice = (
        [second([], failed=50)] * bursts + steady(10_000, seconds=60 - bursts) for bursts in (1, 2)
    )
    assert compared(once, twice)["error"].verdict is Verdict.UNDECIDED
    evenly = (
        steady(10_000, seconds=10) + steady(10_000, seconds=50, failed=1),
        steady(10_000, seconds=50, failed=2) + steady(10_000, seconds=10),
    )
    assert compared(*evenly)["error"].verdict is Verdict.FAILED


def test_all_figures_are_held_to_one_level() -> None:
    """6 errors more are p = 0.03 alone, and 0.16 among all: both are told, and nobody is accused."""
    result = compared(steady(10_000), wrong_now_and_then(6, seconds=60))["error"]
    assert result.message.startswith("0 of 3,000, then 6 of 3,000: +0.2%, from ")
    assert "p = 0.031, among all 0.16" in result.message


def test_many_errors_are_held_to_a_share_of_what_they_were() -> None:
    """Where one of ten failed before, a rise by 0.2 % of all is no 5 % of that: it does not fail, however sure it is."""
    before, after = ([second([10] * (500_000 - wrong), failed=wrong)] for wrong in (50_000, 51_000))
    result = compared(before, after)["error"]
    assert result.verdict is Verdict.PASSED
    assert result.limit == pytest.approx(0.005)
    assert compared(before, after, least_effect=0.01)["error"].verdict is Verdict.FAILED


def test_a_long_run_is_compared_whole() -> None:
    """More seconds than are drawn alone are taken together, and none is lost: the last sixth decides the 90th percentile."""
    seconds = UNITS_MAX * 3 + 1
    before, after = steady(10_000, seconds=seconds, rate=1), steady(10_000, seconds=seconds, rate=1)
    after[-seconds // 6 :] = steady(50_000, seconds=len(after[-seconds // 6 :]), rate=1)
    results = compared(before, after)
    assert results["p50"].observed == 0
    assert results["p90"].observed == pytest.approx(4, abs=0.1)


def test_durations_of_nothing_are_compared() -> None:
    """What took no time and still takes none passes; what takes some now fails, as endlessly many times as much."""
    assert compared(steady(0), steady(0))["p50"].verdict is Verdict.PASSED
    result = compared(steady(0), steady(1_000))["p50"]
    assert (result.verdict, result.observed) == (Verdict.FAILED, float("inf"))
