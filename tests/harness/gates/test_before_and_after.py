"""Two logs of one service: worse is what is surely and noticeably so, and nothing else is."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from logs_made import CLASSIFIED, counted, line, turn, turns
from logs_made import COMPLETE as COMPLETED

from harness.gates.before_and_after import compare
from harness.gates.log_counts import LogCounts
from harness.gates.log_trend import COMPLETE, TOTALS
from harness.gates.result import GateResult
from harness.history import Contract, LogRecord
from harness.verdict import Verdict

ERRORS, RISES = "error_rate: not worse", f"{CLASSIFIED} by turn: increases"


def compared(before: LogCounts, after: LogCounts) -> dict[str, GateResult]:
    """The differences by name."""
    return {result.name: result for result in compare(before, after)}


def drawn(
    random: Random, count: int, *, errors: float = 0.0, fallbacks: float = 0.0, slower: float = 1.0
) -> Iterator[LogRecord]:
    """Turns of a service with these shares, whose response times are lognormal."""
    for _ in range(count):
        status = 500 if random.random() < errors else 200
        method = "pattern" if random.random() < fallbacks else "conversation_aware"
        took_s = random.lognormvariate(-3, 0.5) * slower
        yield from turn(status=status, method=method, execution_time_seconds=took_s)


def classified(
    contract: Contract, count: int, missing: int, *, doubled: int = 0, named: bool = True
) -> LogCounts:
    """Good turns, of which the first have no classification, and the last have two."""
    log = LogCounts(contract=contract)
    for number in range(count):
        event, complete = turn()
        times = 0 if number < missing else 2 if number >= count - doubled else 1
        for record in (*[event] * times, complete):
            log.add(replace(record, request_id=f"r{number}" if named else None))
    return log


def test_the_same_log_twice_is_not_worse(contract: Contract) -> None:
    """A log against itself passes every figure."""
    log = counted(contract, *drawn(Random(1), 2_000, errors=0.01, fallbacks=0.1))
    assert {result.verdict for result in compare(log, log)} == {Verdict.PASSED}


@pytest.mark.parametrize(("change", "worse"), [
    ({"errors": 0.04}, {ERRORS, "share(not 2xx): not worse",
                        "api_request_complete status_code=500 by request: not worse"}),
    ({"fallbacks": 0.3}, {"share(method other than conversation_aware): not worse"}),
    ({"slower": 1.3}, {"latency p50: not worse", "latency p95: not worse"}),
])  # fmt: skip
def test_what_became_worse_fails_and_nothing_else(
    contract: Contract, change: dict[str, float], worse: set[str]
) -> None:
    """A change for the worse fails the figures that it shows in, and the way back fails none."""
    before = counted(contract, *drawn(Random(1), 3_000, errors=0.001, fallbacks=0.1))
    after = counted(contract, *drawn(Random(2), 3_000, **{"errors": 0.001, "fallbacks": 0.1, **change}))
    failed = {name for name, result in compared(before, after).items() if result.verdict is Verdict.FAILED}
    assert failed == worse
    assert Verdict.FAILED not in {result.verdict for result in compare(after, before)}


def test_a_forbidden_event_that_appears_is_worse(contract: Contract) -> None:
    """What was never seen and is seen now fails by the test of two rates, with both counts."""
    skipped = [line("skipped") for _ in range(10)]
    result = compared(counted(contract, *turns(1_000)), counted(contract, *turns(1_000), *skipped))[
        "skipped by request: not worse"
    ]
    assert (result.verdict, result.limit, result.observed) == (Verdict.FAILED, 0.0, 0.01)
    assert "0 in 1,000, then 10 in 1,000" in result.message


def test_a_change_that_nobody_would_notice_is_not_worse(contract: Contract) -> None:
    """A fall of 4 % is not worse, however surely it is one; where 3 % is the least effect, it is."""
    before, after = (LogCounts(contract=contract) for _ in range(2))
    for log, classified in ((before, 500_000), (after, 480_000)):
        log.turns.statuses[200] = log.owing = log.settled = 1_000_000
        log.seen[CLASSIFIED] = classified
    assert compared(before, after)[RISES].verdict is Verdict.UNDECIDED
    fallen = {result.name: result.verdict for result in compare(before, after, least_effect=0.03)}
    assert fallen[RISES] is Verdict.FAILED


def test_classifications_must_increase_or_be_complete(contract: Contract) -> None:
    """The one figure that is wanted to rise passes where it does, or where every answered turn has one; else it is open."""
    half = counted(contract, *(record for n in range(400) for record in turn()[n % 2 :]))
    whole = counted(contract, *turns(400))
    assert compared(half, whole)[RISES].verdict is Verdict.PASSED
    assert compared(whole, whole)[RISES].verdict is Verdict.PASSED
    assert compared(half, half)[RISES].verdict is Verdict.UNDECIDED
    assert compared(whole, half)[RISES].verdict is Verdict.FAILED


def test_too_little_evidence_is_undecided(contract: Contract) -> None:
    """Where not even the worst outcome would be proof, nothing is passed; nor where a log has no such figure."""
    few, many = counted(contract, *turns(2)), counted(contract, *turn(status=500), *turns(20))
    for old in (many, counted(contract, *turn(), *turn(status=500))):
        assert compared(old, few)[ERRORS].message.endswith("too little to show any difference")
        assert compared(old, few)[ERRORS].verdict is Verdict.UNDECIDED
    assert compared(many, counted(contract, *turns(300)))[ERRORS].verdict is Verdict.PASSED
    assert compared(many, few)["latency p50: not worse"].verdict is Verdict.UNDECIDED
    untimed = counted(contract, *turns(20, execution_time_seconds=None))
    assert compared(many, untimed)["latency p50: not worse"].message == "not in both logs"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((0, 5_000), (0, 20), Verdict.UNDECIDED),
        ((2, 7), (0, 5), Verdict.UNDECIDED),
        ((0, 5), (2, 7), Verdict.UNDECIDED),
        ((0, 20), (0, 5_000), Verdict.PASSED),
        ((50, 100), (0, 5), Verdict.UNDECIDED),
        ((50, 100), (0, 50), Verdict.PASSED),
    ],
)
def test_a_share_that_may_have_risen_is_not_shown_to_be_no_worse(
    contract: Contract, before: tuple[int, int], after: tuple[int, int], verdict: Verdict
) -> None:
    """Few requests after many good ones prove nothing, though one error among them would; where it must be better, it passes."""
    old, new = (counted(contract, *turns(bad, status=503), *turns(of - bad)) for bad, of in (before, after))
    assert compared(old, new)[ERRORS].verdict is verdict


def test_a_figure_that_could_not_fail_among_all_does_not_pass(contract: Contract) -> None:
    """Two turns that both failed would be p = 0.022, which is none among all figures: two good ones prove nothing either."""
    old = counted(contract, *turn(status=503), *turns(14))
    worst = compared(old, counted(contract, *turn(status=503), *turn(status=503)))[ERRORS]
    best = compared(old, counted(contract, *turns(2)))[ERRORS]
    assert (worst.verdict, best.verdict) == (Verdict.UNDECIDED, Verdict.UNDECIDED)


def test_what_could_not_be_worse_passes_where_it_is_better(contract: Contract) -> None:
    """After a time in which every turn failed, good turns are not worse, though no more than all can fail."""
    broken = counted(contract, *turns(100, status=503))
    assert compared(broken, counted(contract, *turns(100)))[ERRORS].verdict is Verdict.PASSED
    assert compared(broken, broken)[ERRORS].verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("named", [True, False])
def test_a_share_near_one_that_falls_is_seen(contract: Contract, named: bool) -> None:
    """Of 1,000 turns 999 were classified and then 900: a rate hardly shows it, a share does, with ids and without."""
    old, new = (classified(contract, 1_000, missing, named=named) for missing in (1, 100))
    result = compared(old, new)[RISES]
    assert result.verdict is Verdict.FAILED
    assert "999 in 1,000, then 900 in 1,000" in result.message
    assert (TOTALS in result.message) is not named


def test_a_doubled_classification_hides_no_missing_one(contract: Contract) -> None:
    """Of 100 turns one has two classifications and one has none: with ids that is not complete, by totals it looks so."""
    for named, verdict in ((True, Verdict.UNDECIDED), (False, Verdict.PASSED)):
        log = classified(contract, 100, 1, doubled=1, named=named)
        result = compared(log, log)[RISES]
        assert result.verdict is verdict
        assert (TOTALS in result.message, COMPLETE in result.message) == (not named, False)
    whole = classified(contract, 100, 0)
    assert COMPLETE in compared(whole, whole)[RISES].message


def test_many_figures_are_held_to_one_level(contract: Contract) -> None:
    """A p-value that would do alone does not among all figures: it is open, neither worse nor not, and both are shown."""
    before = counted(contract, *turns(1_000))
    after = counted(contract, *turns(1_000), *(line("skipped") for _ in range(6)))
    result = compared(before, after)["skipped by request: not worse"]
    assert result.verdict is Verdict.UNDECIDED
    assert result.message.endswith("p = 0.031, among all 0.22")
    assert compared(after, before)["skipped by request: not worse"].verdict is Verdict.PASSED


def test_few_requests_show_no_rate_to_be_no_worse(contract: Contract) -> None:
    """Where a line for each of three requests would be no proof, none and one prove nothing either."""
    before, after = counted(contract, *turns(3)), counted(contract, *turns(3), line("skipped"))
    result = compared(before, after)["skipped by request: not worse"]
    assert (result.verdict, result.message) == (
        Verdict.UNDECIDED,
        "0 in 3, then 1 in 3: too little to show any difference",
    )


def test_requests_that_name_no_status_are_not_shown_to_be_no_worse(contract: Contract) -> None:
    """One completion without a status among thousands leaves open what is of statuses, and nothing else."""
    old = counted(contract, *drawn(Random(1), 3_000, errors=0.01), line("skipped"))
    new = counted(contract, *drawn(Random(1), 3_000, errors=0.01), line("skipped"), line(COMPLETED))
    for before, after in ((old, new), (new, old)):
        found = {name: one.verdict for name, one in compared(before, after).items()}
        for name in (
            ERRORS,
            "share(not 2xx): not worse",
            f"{COMPLETED} status_code=500 by request: not worse",
        ):
            assert found.pop(name) is Verdict.UNDECIDED
        assert set(found.values()) == {Verdict.PASSED}


def test_a_log_of_another_length_is_compared_by_stretches_of_one_length(contract: Contract) -> None:
    """A month against an hour: the short log's stretches become as long as those of the long one, and a slowdown is seen."""
    before = counted(contract, *drawn(Random(3), 30_000))
    after = counted(contract, *drawn(Random(4), 2_000, slower=1.3))
    result = compared(before, after)["latency p95: not worse"]
    assert result.verdict is Verdict.FAILED
    assert "30,000, then 2,000 answers, in stretches of 200" in result.message


def test_one_service_is_not_called_worse_than_itself(contract: Contract) -> None:
    """Of 60 pairs of logs of one service no more than chance allows at 5 % have any figure that failed."""
    random, failed = Random(5), 0
    plain = replace(contract, forbidden_texts=())
    for _ in range(60):
        logs = [counted(plain, *drawn(random, 300, errors=0.02, fallbacks=0.1)) for _ in range(2)]
        failed += any(result.verdict is Verdict.FAILED for result in compare(*logs))
    assert failed <= 7
