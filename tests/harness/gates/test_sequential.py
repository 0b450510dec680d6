"""The sequential test against the figures of the plan, by its formula and by simulation."""

import math
from random import Random

import pytest

from harness.gates.sequential import RateTest
from harness.verdict import Verdict

TEST = RateTest()
RUNS = 10_000


def played(random: Random, rate: float) -> tuple[Verdict, int]:
    """One run at a true error rate until it is decided; the requests up to the next error are drawn at once."""
    errors = requests = 0
    while True:
        good = int(math.log(random.random()) / math.log1p(-rate))
        missing = TEST.missing(errors, requests)
        if good >= missing:
            return TEST.verdict(errors, requests + missing), requests + missing
        requests, errors = requests + good + 1, errors + 1
        if (verdict := TEST.verdict(errors, requests)) is not Verdict.UNDECIDED:
            return verdict, requests


def test_a_clean_run_passes_at_3060() -> None:
    """Without an error the test passes at 3,060 requests, and not one before."""
    assert TEST.verdict(0, 3_059) is Verdict.UNDECIDED
    assert TEST.verdict(0, 3_060) is Verdict.PASSED
    assert (TEST.missing(0, 0), TEST.missing(0, 3_059), TEST.missing(0, 3_060)) == (3_060, 1, 0)


def test_the_steps_and_the_bounds_are_those_of_the_plan() -> None:
    """A success adds -0.001502, an error 1.3863; the bounds are -4.595 and 4.595."""
    assert TEST.score(0, 1) == pytest.approx(-0.001502, abs=1e-6)
    assert TEST.score(1, 1) == pytest.approx(1.3863, abs=1e-4)
    assert (TEST.passes_at, TEST.fails_at) == pytest.approx((-4.595, 4.595), abs=1e-3)


def test_four_errors_at_once_fail() -> None:
    """Four errors in a row are proof enough, three are not."""
    assert TEST.verdict(3, 3) is Verdict.UNDECIDED
    assert TEST.verdict(4, 4) is Verdict.FAILED


@pytest.mark.parametrize(("rate", "wrong", "wrong_share_max", "requests"), [
    (0.0002, Verdict.FAILED, 0.005, 3_743),
    (0.0005, Verdict.FAILED, 0.02, 5_634),
    (0.002, Verdict.PASSED, 0.022, 3_927),
    (0.003, Verdict.PASSED, 0.004, 1_925),
])  # fmt: skip
def test_it_errs_as_seldom_and_ends_as_soon_as_published(
    rate: float, wrong: Verdict, wrong_share_max: float, requests: float
) -> None:
    """Over 10,000 runs at a rate the wrong verdicts are no more, and the mean length within 10 %, of the plan's figures."""
    random = Random(11)
    runs = [played(random, rate) for _ in range(RUNS)]
    assert sum(verdict is wrong for verdict, _ in runs) <= wrong_share_max * RUNS
    assert sum(length for _, length in runs) / RUNS == pytest.approx(requests, rel=0.1)


def test_at_the_limit_itself_it_may_go_either_way() -> None:
    """At a true 0.1 % about two runs of three pass: nothing is proven between the two rates."""
    random = Random(12)
    passed = sum(played(random, 0.001)[0] is Verdict.PASSED for _ in range(RUNS))
    assert passed / RUNS == pytest.approx(0.65, abs=0.05)
