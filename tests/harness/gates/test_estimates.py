"""Gates that estimate: they pass, fail, or say how much is missing."""

import math
from collections.abc import Callable

import pytest

from harness.gates import Observations, TurnSent
from harness.gates.estimates import ErrorRate, LatencyPercentile
from harness.verdict import Verdict

Turn = Callable[..., TurnSent]
Seen = Callable[..., Observations]


def many(turn: Turn, requests: int, errors: int = 0, **error: object) -> list[TurnSent]:
    """So many turns, the first of which are wrong."""
    wrong = {"status": 500, **error}
    return [turn(f"r{number}", **(wrong if number < errors else {})) for number in range(requests)]


@pytest.mark.parametrize(("requests", "errors", "verdict", "missing"), [
    (2_995, 0, Verdict.PASSED, None),
    (2_994, 0, Verdict.UNDECIDED, 1),
    (500, 0, Verdict.UNDECIDED, 2_495),
    (500, 2, Verdict.UNDECIDED, 5_794),
    (500, 3, Verdict.FAILED, None),
    (3_000, 6, Verdict.UNDECIDED, 8_840),
    (3_000, 7, Verdict.FAILED, None),
    (4_742, 1, Verdict.PASSED, None),
    (0, 0, Verdict.UNDECIDED, 2_995),
])  # fmt: skip
def test_the_error_rate_has_three_verdicts(
    turn: Turn, seen: Seen, *, requests: int, errors: int, verdict: Verdict, missing: int | None
) -> None:
    """It passes and fails exactly where the bounds cross 0.1 %, and between says how many more requests it takes."""
    result = ErrorRate().judge(seen(many(turn, requests, errors)))
    assert (result.verdict, result.missing) == (verdict, missing)
    assert ("missing" in result.message) == (missing is not None)


def test_a_failed_error_rate_shows_its_lower_bound_and_the_first_error(turn: Turn, seen: Seen) -> None:
    """The bound of a failure is the rate that the service has at least, above the limit, with an example."""
    result = ErrorRate().judge(seen(many(turn, 1_000, 5, status=None, error="ConnectionResetError")))
    assert result.bound is not None
    assert result.limit < result.bound < result.observed == 0.005
    assert "the first: r0 turn 1 -> ConnectionResetError" in result.message


@pytest.mark.parametrize("wrong", [{"status": 404}, {"status": None}, {"status": 503, "retry_after": True}])
def test_whoever_got_no_answer_is_an_error(turn: Turn, seen: Seen, wrong: dict[str, object]) -> None:
    """A refusal, a lost connection and a turn that was shed count alike: its user has no answer."""
    assert ErrorRate().judge(seen(many(turn, 500, 3, **wrong))).verdict is Verdict.FAILED


def test_an_error_rate_is_named_by_its_limit() -> None:
    """The name is the criterion as the table writes it."""
    assert ErrorRate().name == "error_rate < 0.1%"
    assert LatencyPercentile().name == "latency p99 < 2 s"
    assert LatencyPercentile(limit_s=0.5, share=0.999).name == "latency p99.9 < 0.5 s"


@pytest.mark.parametrize(("requests", "slow", "verdict", "missing"), [
    (299, 0, Verdict.PASSED, None),
    (298, 0, Verdict.UNDECIDED, 1),
    (1_000, 4, Verdict.PASSED, None),
    (1_000, 5, Verdict.UNDECIDED, 49),
    (1_000, 15, Verdict.UNDECIDED, 1_306),
    (1_000, 16, Verdict.FAILED, None),
])  # fmt: skip
def test_a_percentile_is_a_rate_of_exceedances(
    turn: Turn, seen: Seen, *, requests: int, slow: int, verdict: Verdict, missing: int | None
) -> None:
    """A p99 passes and fails by the number of turns at or over the limit, with no distribution assumed."""
    result = LatencyPercentile().judge(seen(many(turn, requests, slow, status=200, ended_s=3.0)))
    assert (result.verdict, result.missing) == (verdict, missing)


def test_the_bound_of_a_percentile_agrees_with_its_verdict(turn: Turn, seen: Seen) -> None:
    """The order statistics lie on the same side of the limit as the verdict, for every number of slow turns."""
    for slow in range(40):
        result = LatencyPercentile().judge(seen(many(turn, 1_000, slow, status=200, ended_s=3.0)))
        bound = math.inf if result.bound is None else result.bound
        assert (result.verdict is Verdict.PASSED) == (bound < 2.0)
        if result.verdict is Verdict.FAILED:
            assert bound >= 2.0


def test_a_turn_that_failed_fast_is_slow(turn: Turn, seen: Seen) -> None:
    """Errors after 10 ms count as over the limit, so that failing fast never helps a percentile."""
    result = LatencyPercentile().judge(seen(many(turn, 1_000, 16)))
    assert result.verdict is Verdict.FAILED
    assert result.observed == math.inf


def test_a_percentile_of_nothing_is_undecided(turn: Turn, seen: Seen) -> None:
    """Without a request there is no figure and no pass."""
    result = LatencyPercentile().judge(seen([]))
    assert (result.verdict, result.observed, result.missing) == (Verdict.UNDECIDED, None, 299)
