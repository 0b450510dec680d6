"""Counting a log in one pass: what counts as what, and that memory does not grow with it."""

import math
from dataclasses import replace

import pytest
from logs_made import CLASSIFIED, COMPLETE, access, counted, line, turn, turns

from harness.gates.histogram import STRETCHES_MAX
from harness.gates.log_counts import CONTRADICTION, METHODS_MAX, OTHER_METHODS, SERVER_ERROR_TEXT, LogCounts
from harness.gates.log_fields import duration_of
from harness.gates.timeline import SLOTS_MAX
from harness.history import Contract


@pytest.mark.parametrize(("fields", "error", "contradiction"), [
    ({"status": 200}, 0, 0),
    ({"status": 404}, 0, 0),
    ({"status": 503}, 1, 0),
    ({"status": 500, "success": True}, 1, 1),
    ({"status": 200, "success": False}, 0, 1),
    ({"status": 200, "success": False, "complete": False}, 1, 0),
    ({"status": 200, "success": True, "complete": False}, 1, 1),
    ({"status": 499, "complete": False}, 0, 0),
    ({"status": 500, "success": None}, 1, 0),
])  # fmt: skip
def test_a_completion_is_an_error_or_a_contradiction_or_neither(
    contract: Contract, fields: dict[str, object], error: int, contradiction: int
) -> None:
    """Errors are 5xx and good answers that broke off; a contradiction is a success that does not follow from these."""
    log = counted(contract, *turn(**fields))  # type: ignore[arg-type]  # a table of keyword arguments
    assert (log.requests.errors, log.seen[CONTRADICTION]) == (error, contradiction)


def test_probes_do_not_thin_out_the_errors_of_turns(contract: Contract) -> None:
    """Completion events and access lines of other paths are counted apart; a 500 among them is still seen."""
    probe = {"route": "/health", "status": 500}
    log = counted(
        contract, *turns(3), *turn(**probe), access(200), access(200, "/turn?x=1"), access(500, "/health")
    )
    assert (log.turns.count, log.others.count, log.access_turns.count, log.access_others.count) == (
        3,
        1,
        2,
        1,
    )
    assert log.requests is log.turns
    assert log.seen[f"{COMPLETE} status_code=500"] == 1


def test_without_a_turn_all_completions_count_and_without_any_the_access_lines(contract: Contract) -> None:
    """What there is, is judged: completions of another path, else access lines."""
    log = counted(contract, *turn(route="/v2/turn"), access(200))
    assert log.requests is log.others
    log = counted(contract, access(200), access(500))
    assert log.requests is log.access_turns


def test_a_log_is_the_services_own_by_any_of_its_signs(contract: Contract) -> None:
    """A completion event, a classification, a forbidden event or an access line of the turn's path is a sign; others are none."""
    for record in (*turn(), line("skipped"), access(500)):
        assert counted(contract, record).own
    assert not counted(contract, line("started"), access(200, "/")).own


def test_the_first_line_of_each_kind_is_kept(contract: Contract) -> None:
    """The evidence is the first line, and the count that of all."""
    first, second = (
        access(500, phrase="Internal Server Error"),
        access(500, "/other", "Internal Server Error"),
    )
    log = counted(contract, *turns(2), first, second)
    assert log.seen[SERVER_ERROR_TEXT] == 2
    assert log.examples[SERVER_ERROR_TEXT] == str(first)


@pytest.mark.parametrize(("fields", "told", "seconds"), [
    ({"duration_ms": 250}, "duration_ms in milliseconds", 0.25),
    ({"elapsed_s": 0.25, "duration": 9}, "elapsed_s in seconds", 0.25),
    ({"latency_us": 250_000}, "latency_us in microseconds", 0.25),
    ({"execution_time_seconds": 0.25}, "execution_time_seconds in seconds", 0.25),
    ({"ms": 250, "duration": 9}, "ms in milliseconds", 0.25),
    ({"duration": 0.25}, "duration in seconds, as its name has no unit", 0.25),
])  # fmt: skip
def test_a_duration_is_found_by_its_name_and_unit(
    fields: dict[str, float], told: str, seconds: float
) -> None:
    """A field that names its unit comes before one that does not, of which it is said what is assumed."""
    found = duration_of(fields)
    assert found is not None
    assert (str(found), found.read(fields)) == (told, pytest.approx(seconds))


@pytest.mark.parametrize("value", ["soon", True, -1, math.nan, None])
def test_what_is_no_duration_is_not_read(value: object) -> None:
    """A text, a flag, a negative number or no number at all is no time."""
    assert duration_of({"duration_ms": value}) is None


def test_an_answer_given_again_and_a_refusal_owe_no_classification(contract: Contract) -> None:
    """Replayed answers and 4xx are no turns that a classification is missing of; a 5xx is."""
    log = counted(
        contract, *turn(1.0), *turn(1.0, replayed=True)[1:], *turn(1.0, status=422), *turn(1.0, status=500)
    )
    assert (log.owing, log.settled, log.seen[CLASSIFIED]) == (2, 1, 1)


def test_methods_are_bounded_and_that_of_the_contract_keeps_its_place(contract: Contract) -> None:
    """Of 5,000 methods 1,000 are told apart, the rest are counted together, and the contract's own is found behind all."""
    log = counted(contract, *(line(CLASSIFIED, method=f"m{number}") for number in range(5_000)))
    for record in turn():
        log.add(record)
    assert len(log.methods) == METHODS_MAX + 2
    assert (log.methods[OTHER_METHODS], log.methods["conversation_aware"]) == (4_000, 1)
    assert log.methods.total() == log.seen[CLASSIFIED]


def test_the_most_common_are_told_and_how_many_more(contract: Contract) -> None:
    """Five kinds are named, the most frequent first, and what is beyond them is a number."""
    log = counted(
        contract, *(record for status in range(200, 209) for record in turn(status=status)), *turn()
    )
    assert str(log.requests) == "200 x 2, 201 x 1, 202 x 1, 203 x 1, 204 x 1 and 4 more"


def test_memory_does_not_grow_with_the_log(contract: Contract) -> None:
    """Twenty thousand turns with times and durations of all kinds leave a bounded number of counters, and one example each."""
    log = LogCounts(contract=replace(contract, forbidden_events=("skipped",)))
    for number in range(20_000):
        for record in turn(number * 7.0, execution_time_seconds=0.001 * (number % 1_000)):
            log.add(record)
    assert len(log.turns.durations.full) < STRETCHES_MAX
    assert len(log.timeline.slots) <= SLOTS_MAX
    assert len(log.turns.durations.all.buckets) < 1_000
    assert len(log.examples) == 2
