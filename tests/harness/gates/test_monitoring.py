"""The monitoring plan as gates: each passes, fails, and is undecided where the log cannot say."""

from dataclasses import replace

import pytest
from logs_made import CLASSIFIED, COMPLETE, access, counted, line, turn, turns

from harness.gates.log_trend import ENOUGH, NO_CLOCK, TOTALS
from harness.gates.monitoring import UNTIMED, MostlyGood, monitoring_plan, without_turns, zero_tolerance
from harness.gates.result import ABSENT, GateResult
from harness.gates.statistics import percentile_places
from harness.history import Contract, LogRecord
from harness.verdict import Verdict

ERRORS, FAST, METHOD = "error_rate < 0.1%", "latency p99 < 2 s", "share(method=conversation_aware) > 50%"
ENDED_500 = 'log("api_request_complete status_code=500") == 0'
CONTRADICTS = "log(completion status contradicts success) == 0"
MOSTLY_GOOD, TREND = "share(2xx) > 50%", f'log("{CLASSIFIED}") increases'


def judged(contract: Contract, *records: LogRecord) -> dict[str, GateResult]:
    """The results of the plan by the gates' names."""
    log = counted(contract, *records)
    return {result.name: result for gate in monitoring_plan(contract) for result in [gate.judge(log)]}


def test_a_long_healthy_log_passes_every_gate(contract: Contract) -> None:
    """3,000 good turns with times and durations pass the whole plan."""
    results = judged(contract, *turns(3_000), access(200))
    assert {name: result.verdict for name, result in results.items()} == dict.fromkeys(
        results, Verdict.PASSED
    )
    assert results[ERRORS].bound == pytest.approx(0.000998, abs=1e-6)
    assert "access lines: 200 x 1" in results[MOSTLY_GOOD].message


def test_a_short_healthy_log_says_how_many_requests_are_missing(contract: Contract) -> None:
    """After 100 good turns the error rate is open, with the number that is missing; nothing fails."""
    results = judged(contract, *turns(100))
    assert (results[ERRORS].verdict, results[ERRORS].missing) == (Verdict.UNDECIDED, 2_895)
    assert (results[FAST].verdict, results[FAST].missing) == (Verdict.UNDECIDED, 199)
    assert Verdict.FAILED not in {result.verdict for result in results.values()}


def test_what_is_not_in_the_log_is_never_passed(contract: Contract) -> None:
    """A log without a request clears nobody: every gate is undecided and says so."""
    results = judged(contract, line("started"))
    assert {result.verdict for result in results.values()} == {Verdict.UNDECIDED}
    assert {result.message for result in results.values()} == {ABSENT}


def test_errors_fail_by_their_lower_bound(contract: Contract) -> None:
    """Seven errors in 3,000 prove more than 0.1 %, six do not."""
    for errors, verdict in ((7, Verdict.FAILED), (6, Verdict.UNDECIDED)):
        broken = [record for _ in range(errors) for record in turn(status=503)]
        result = judged(contract, *turns(3_000 - errors), *broken)[ERRORS]
        assert (result.verdict, result.observed) == (verdict, pytest.approx(errors / 3_000))


def test_slow_answers_and_errors_are_over_the_limit(contract: Contract) -> None:
    """With 20 of 300 at two seconds the p99 fails, with its bound; so it does where they failed at once."""
    slow = [record for _ in range(20) for record in turn(execution_time_seconds=2.0)]
    failed = [record for _ in range(20) for record in turn(status=500)]
    result = judged(contract, *turns(280), *slow)[FAST]
    assert (result.verdict, result.observed, result.bound) == (
        Verdict.FAILED, pytest.approx(2.0, rel=0.01), pytest.approx(2.0, rel=0.01),
    )  # fmt: skip
    assert judged(contract, *turns(280), *failed)[FAST].verdict is Verdict.FAILED


def test_the_bound_of_a_quantile_is_an_order_statistic(contract: Contract) -> None:
    """Of 299 turns the slowest is the upper bound on the p99; of 298 there is none."""
    for count, bound in ((298, None), (299, pytest.approx(1.5, rel=0.01))):
        result = judged(contract, *turns(count - 1), *turn(execution_time_seconds=1.5))[FAST]
        assert result.bound == bound


def test_the_bound_of_a_failure_is_the_order_statistic_of_the_load_gates(contract: Contract) -> None:
    """Where the p99 fails its bound is the lower one that the gates on single requests give, to the width of a bucket."""
    durations_s = [1.03**number for number in range(300)]
    records = [record for took_s in durations_s for record in turn(execution_time_seconds=took_s)]
    place, _ = percentile_places(len(durations_s), 0.99)
    result = judged(contract, *records)[FAST]
    assert place is not None
    lower_s = durations_s[place - 1]
    assert (result.verdict, result.bound) == (Verdict.FAILED, pytest.approx(lower_s * 1.005, rel=0.005))


def test_classification_by_fallbacks_fails(contract: Contract) -> None:
    """Where most turns were classified by another method the gate fails, and shows which."""
    result = judged(contract, *turns(10), *turns(90, method="pattern"))[METHOD]
    assert (result.verdict, result.observed) == (Verdict.FAILED, 0.1)
    assert "pattern x 90, conversation_aware x 10" in result.message


@pytest.mark.parametrize(("record", "name"), [
    (line("skipped", text="the line"), 'log("skipped") == 0'),
    (access(500, "/other", "Internal Server Error"), 'log("500 Internal Server Error") == 0'),
    (turn(status=500)[0], 'log("api_request_complete status_code=500") == 0'),
    (turn(status=500, success=True)[0], "log(completion status contradicts success) == 0"),
    (line("x", text="coroutine 'f' was never awaited"), "log(forbidden texts) == 0"),
])  # fmt: skip
def test_one_line_is_enough_to_fail(contract: Contract, record: LogRecord, name: str) -> None:
    """Each pattern of the plan fails by one line among thousands, which is the evidence."""
    result = judged(contract, *turns(2_000), record)[name]
    assert (result.verdict, result.observed, result.limit) == (Verdict.FAILED, 1, 0)
    assert result.evidence == str(record)


def test_requests_that_name_no_status_pass_no_gate_on_statuses(contract: Contract) -> None:
    """Of 3,000 completions some tell no status, and may have failed: what that would undo is open, what failed stands."""
    unread = line(COMPLETE, status_code="five hundred", success=True, route="/turn")
    results = judged(contract, *turns(3_000), unread)
    of_statuses = {ERRORS, ENDED_500, CONTRADICTS}
    assert {name for name, one in results.items() if one.verdict is Verdict.UNDECIDED} == of_statuses
    assert "1 completion events name no status" in results[ENDED_500].message
    results = judged(contract, *turns(300), *[unread] * 300)
    assert {results[name].verdict for name in (MOSTLY_GOOD, FAST)} == {Verdict.UNDECIDED}
    results = judged(contract, *turns(9_000), unread)
    assert (results[ERRORS].verdict, results[ENDED_500].verdict) == (Verdict.PASSED, Verdict.UNDECIDED)
    results = judged(contract, *turns(3_000), replace(unread, fields={"route": "/health"}))
    assert {name for name, one in results.items() if one.verdict is not Verdict.PASSED} == {
        ENDED_500,
        CONTRADICTS,
    }
    results = judged(contract, *turns(3_000), *turn(status=500, success=True), unread)
    assert (results[ENDED_500].verdict, results[CONTRADICTS].verdict) == (Verdict.FAILED, Verdict.FAILED)


def test_where_access_lines_alone_name_statuses_they_are_judged_by(contract: Contract) -> None:
    """Of a service whose completions never name one, the share of errors passes, and nothing is said of its completions."""
    results = judged(contract, *[access(200), line(COMPLETE)] * 3_000)
    assert results[ERRORS].verdict is Verdict.PASSED
    assert (results[ENDED_500].verdict, results[ENDED_500].message) == (Verdict.UNDECIDED, ABSENT)


def test_access_lines_that_tell_of_more_errors_than_completions_are_judged_by(contract: Contract) -> None:
    """A service that logs success and answers 500 fails, be there words behind the number or not."""
    for phrase in ("Internal Server Error", ""):
        lies = [access(200)] * 300 + [access(500, phrase=phrase)] * 3
        results = judged(contract, *turns(303), *lies)
        assert results[ERRORS].verdict is Verdict.FAILED
        assert "by the access lines: completion events tell of 0" in results[ERRORS].message
        assert results['log("500 Internal Server Error") == 0'].observed == 3
    told = judged(contract, *turns(300), *turns(3, status=500), *[access(200)] * 303)[ERRORS]
    assert (told.verdict, "access" in told.message) == (Verdict.FAILED, False)
    unready = judged(contract, *turns(3_000), *[access(503, "/health")] * 9)[ERRORS]
    assert unready.verdict is Verdict.PASSED, "a probe that is refused is no turn"


def test_success_that_nobody_claims_cannot_be_cleared(contract: Contract) -> None:
    """Where no completion says whether it was a success, there is nothing to contradict, and no pass."""
    result = judged(contract, *turns(10, success=None))["log(completion status contradicts success) == 0"]
    assert (result.verdict, result.message) == (Verdict.UNDECIDED, ABSENT)


@pytest.mark.parametrize(("first", "second", "verdict"), [
    (0.2, 0.8, Verdict.PASSED),
    (0.8, 0.2, Verdict.FAILED),
    (0.5, 0.5, Verdict.UNDECIDED),
    (1.0, 1.0, Verdict.PASSED),
])  # fmt: skip
def test_the_trend_holds_half_against_half(
    contract: Contract, first: float, second: float, verdict: Verdict
) -> None:
    """Classifications by turn that rise pass, that fall fail; neither is open, unless every answered turn has one."""
    records = [
        record
        for number in range(400)
        for record in turn(float(number))[
            0 if number % 10 < 10 * (first if number < 200 else second) else 1 :
        ]
    ]
    result = judged(contract, *records)[TREND]
    assert (result.verdict, result.limit, result.observed) == (
        verdict,
        pytest.approx(first),
        pytest.approx(second),
    )


@pytest.mark.parametrize("named", [True, False])
def test_a_fall_from_nearly_all_is_seen(contract: Contract, named: bool) -> None:
    """Of 500 turns 495 were classified, then 450 of 500: that fails, by request ids and by totals, which is told."""
    records = []
    for number in range(1_000):
        missing = number % (100 if number < 500 else 10) == 0
        told = turn(float(number))[missing:]
        records += [replace(one, request_id=f"r{number}" if named else None) for one in told]
    result = judged(contract, *records)[TREND]
    assert (result.verdict, result.limit, result.observed) == (Verdict.FAILED, 0.99, 0.9)
    assert (TOTALS in result.message) is not named


def test_a_doubled_classification_makes_no_trend_complete(contract: Contract) -> None:
    """One turn has two classifications and one has none: with ids that is open, and by totals told as what it is."""
    log = [[replace(one, request_id=f"r{n}") for one in turn(float(n))] for n in range(100)]
    log[7] = log[7][1:]
    log[8] = [log[8][0], *log[8]]
    result = judged(contract, *(record for records in log for record in records))[TREND]
    assert (result.verdict, result.limit, result.observed) == (Verdict.UNDECIDED, 0.98, 1.0)
    unnamed = (replace(record, request_id=None) for records in log for record in records)
    result = judged(contract, *unnamed)[TREND]
    assert (result.verdict, result.message.endswith(f"{TOTALS}; {ENOUGH}: it cannot increase")) == (
        Verdict.PASSED,
        True,
    )


def test_requests_of_other_paths_pass_nothing(contract: Contract) -> None:
    """What passed by probes alone is open and says so; what they failed stands, and one turn makes the gate its own."""
    plan = [MostlyGood(), *zero_tolerance(contract)]
    for record in (turn(route="/health")[1], access(200, "/health")):
        log = counted(contract, *[record] * 100)
        results = [without_turns(gate.judge(log), log) for gate in plan]
        assert Verdict.PASSED not in {result.verdict for result in results}
        assert results[0].message.endswith("; no request is of /turn")
    log = counted(contract, *turn(route="/health", status=503) * 100)
    assert without_turns(MostlyGood().judge(log), log).verdict is Verdict.FAILED
    log = counted(contract, *turn(route="/health"), *turns(10))
    assert without_turns(MostlyGood().judge(log), log).verdict is Verdict.PASSED


def test_more_traffic_is_no_rise(contract: Contract) -> None:
    """Where half of the turns are classified throughout, four times the traffic later is no better service."""
    times = [*(float(n) for n in range(200)), *(200 + n / 4 for n in range(800))]
    records = [record for n, at_s in enumerate(times) for record in turn(at_s)[n % 2 :]]
    assert judged(contract, *records)[TREND].verdict is Verdict.UNDECIDED


def test_a_trend_needs_a_clock(contract: Contract) -> None:
    """Without times, or all within one moment, the trend is open and says what would help."""
    assert judged(contract, *turn(), *turn())[TREND].message == NO_CLOCK
    assert "--baseline" in judged(contract, *turn(1.0), *turn(1.0))[TREND].message


def test_what_a_contract_does_not_promise_is_not_asked() -> None:
    """A service without a completion event, methods or forbidden lines has the gates on its requests and the one text."""
    bare = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), forbidden_texts=())
    names = [gate.name for gate in monitoring_plan(bare)]
    assert names == [MOSTLY_GOOD, ERRORS, FAST, 'log("500 Internal Server Error") == 0']
    results = judged(replace(bare), *(access(200) for _ in range(3_000)))
    assert (results[ERRORS].verdict, results[FAST].message) == (Verdict.PASSED, UNTIMED)
