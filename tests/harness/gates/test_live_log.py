"""A log that is still written: decided as soon as it can be, and not before."""

from dataclasses import replace

import pytest
from logs_made import COMPLETE, access, line, turn

from harness.gates.live_log import LiveLog
from harness.history import Contract
from harness.verdict import Verdict


def fed(contract: Contract, *turns_: dict[str, object]) -> LiveLog:
    """A log of these turns."""
    log = LiveLog(contract=contract)
    for fields in turns_:
        for record in turn(**fields):  # type: ignore[arg-type]  # keyword arguments of a turn
            log.add(record)
    return log


def test_a_clean_log_is_decided_at_3060_requests(contract: Contract) -> None:
    """After 3,059 good turns one more is missing; after it everything has passed."""
    log = fed(contract, *({} for _ in range(3_059)))
    assert not log.decided
    assert log.results()[0].missing == 1
    for record in turn():
        log.add(record)
    assert log.decided
    assert {result.verdict for result in log.results()} == {Verdict.PASSED}


def test_a_completion_without_a_status_keeps_a_clean_log_open(contract: Contract) -> None:
    """What nobody can read may have failed: the rate passes when it would have with that, but not all gates; errors fail."""
    log = fed(contract, *({} for _ in range(3_060)))
    log.add(line(COMPLETE))
    assert not log.decided
    assert log.results()[0].verdict is Verdict.UNDECIDED
    longer = fed(contract, *({} for _ in range(6_000)))
    longer.add(line(COMPLETE))
    verdicts = [one.verdict for one in longer.results()]
    assert (longer.decided, verdicts[0], verdicts.count(Verdict.UNDECIDED)) == (False, Verdict.PASSED, 2)
    for record in turn(status=503) * 10:
        log.add(record)
    assert (log.decided, log.results()[0].verdict) == (True, Verdict.FAILED)


def test_four_errors_decide_without_any_zero_tolerance_line(contract: Contract) -> None:
    """Four 503 fail the error rate, three do not; no forbidden line is among them."""
    log = fed(contract, *({"status": 503} for _ in range(3)))
    assert not log.decided
    for record in turn(status=503):
        log.add(record)
    assert log.decided
    assert log.results()[0].verdict is Verdict.FAILED


@pytest.mark.parametrize("fields", [{"status": 500}, {"status": 200, "success": False}])
def test_what_may_never_be_decides_at_once(contract: Contract, fields: dict[str, object]) -> None:
    """One line that may not be is enough."""
    log = fed(contract, {}, fields)
    assert log.decided
    assert Verdict.FAILED in {result.verdict for result in log.results()}


def test_probes_before_the_first_turn_decide_nothing(contract: Contract) -> None:
    """An access line of a turn, and 5,000 good probes, are not what the test counts: 50 turns that all failed then fail it."""
    log = fed(contract)
    log.add(access(200))
    for _ in range(5_000):
        log.add(turn(route="/health")[1])
        log.add(access(200, "/health"))
    assert not log.decided
    assert log.results()[0].message == "no api_request_complete of /turn was seen yet"
    for _ in range(4):
        log.add(turn(status=503)[0])
    assert log.decided
    assert log.results()[0].message == "4 of 4 requests failed: rather 0.2% or more"


def test_a_contract_without_a_completion_event_is_held_by_its_access_lines(contract: Contract) -> None:
    """Where no event is promised the access lines of turns are counted, and no others."""
    log = LiveLog(contract=replace(contract, completion_event=None))
    for _ in range(3_060):
        assert not log.decided
        log.add(access(200, "/health"))
        log.add(access(200))
    assert log.decided
    assert log.results()[0].verdict is Verdict.PASSED


def test_what_may_never_be_waits_for_a_sign_of_the_service(contract: Contract) -> None:
    """A 500 of a probe does not end a log in which nothing is of the service yet; with the first turn it does."""
    log = LiveLog(contract=contract)
    log.add(access(500, "/health", "Internal Server Error"))
    assert not log.decided
    for record in turn():
        log.add(record)
    assert log.decided


def test_an_empty_log_is_open(contract: Contract) -> None:
    """Before any request nothing is decided, and a line that is none changes nothing."""
    log = LiveLog(contract=contract)
    log.add(line("started"))
    assert not log.decided
    assert {result.verdict for result in log.results()} == {Verdict.UNDECIDED}


def test_failures_that_only_access_lines_tell_of_decide(contract: Contract) -> None:
    """Four 502 of a proxy, of which no completion event is there, fail the rate; one keeps a clean log open, also when the access lines alone would pass."""
    log = fed(contract, *({} for _ in range(3_060)))
    log.add(access(502))
    assert not log.decided
    assert "1 of 1 requests failed by the access lines, 0 by api_request_complete" in log.results()[0].message
    for _ in range(3):
        log.add(access(502))
    assert (log.decided, log.results()[0].verdict) == (True, Verdict.FAILED)
    late = fed(contract, *({} for _ in range(10)))
    for status in (502, *[200] * 4_000):
        late.add(access(status))
    assert not late.decided
    both = fed(contract, *({"status": 503} for _ in range(3)))
    for _ in range(3):
        both.add(access(503))
    assert not both.decided
