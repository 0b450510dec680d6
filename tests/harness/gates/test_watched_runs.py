"""Ten thousand runs that are watched to their end, as `shakeout load --until-decided` watches them: once a second."""

import math
from collections import Counter
from random import Random

from harness.gates.cells import Cell, Cells
from harness.gates.grammar import parse
from harness.gates.verdicts import Seen, Watch
from harness.verdict import Verdict

RUNS = 10_000
A_SECOND = 250
REQUESTS_MAX = 25_000
GATE = parse("error_rate < 0.1%")


def errors_at(random: Random, rate: float) -> set[int]:
    """Which of the requests of a run fail: the good ones up to the next are drawn at once."""
    at, found = -1, set()
    while (at := at + 1 + int(math.log(random.random()) / math.log1p(-rate))) < REQUESTS_MAX:
        found.add(at)
    return found


def played(random: Random, rate: float) -> tuple[Verdict, int]:
    """One run at a true rate of errors, looked at once a second until it is decided or the cap is reached."""
    watch, failing = Watch(criteria=[GATE]), Counter(at // A_SECOND for at in errors_at(random, rate))
    cell, requests = Cell(), 0
    seen = Seen(cells=Cells(by_key={("", "", ""): cell}), lasted_s={}, ended=False)
    while requests < REQUESTS_MAX:
        cell.failed += failing[requests // A_SECOND]
        requests += A_SECOND
        cell.requests, cell.statuses[200] = requests, requests - cell.failed
        (result,) = watch.look(seen)
        if result.verdict is not Verdict.UNDECIDED:
            return result.verdict, requests
    return Verdict.UNDECIDED, requests


def test_twice_the_allowed_errors_are_failed_and_half_of_them_are_not() -> None:
    """At a true 0.2 % at least 99 % of the runs fail, in 4,500 requests on average; at 0.05 % at most 1 % do."""
    random = Random(21)
    worse = [played(random, 0.002) for _ in range(RUNS)]
    assert sum(verdict is Verdict.FAILED for verdict, _ in worse) >= 0.99 * RUNS
    assert sum(requests for _, requests in worse) / RUNS <= 4_500
    better = [played(random, 0.0005)[0] for _ in range(RUNS)]
    assert sum(verdict is Verdict.FAILED for verdict in better) <= 0.01 * RUNS


def test_a_run_without_an_error_is_passed_in_the_second_of_its_evidence() -> None:
    """3,130 requests are enough, and the next look is the one that says so."""
    verdict, requests = played(Random(22), 1e-12)
    assert (verdict, requests) == (Verdict.PASSED, math.ceil(3_130 / A_SECOND) * A_SECOND)


def test_at_the_limit_itself_a_run_may_say_any_of_the_three_and_is_open_only_at_its_cap() -> None:
    """Neither side is favoured to more than two in three, and who has no verdict has sent all that it may."""
    random = Random(23)
    ended = [played(random, 0.001) for _ in range(300)]
    counted = Counter(verdict for verdict, _ in ended)
    assert set(counted) == {Verdict.PASSED, Verdict.FAILED, Verdict.UNDECIDED}
    assert max(counted[Verdict.PASSED], counted[Verdict.FAILED]) < 2 / 3 * len(ended)
    assert {requests for verdict, requests in ended if verdict is Verdict.UNDECIDED} == {REQUESTS_MAX}
