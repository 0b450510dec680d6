"""The table of gates, and the verdict of many."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.gates import (
    Observations,
    TurnSent,
    judge,
    overall,
    success_criteria,
    watched_texts,
)
from harness.gates.criteria import summaries
from harness.gates.observations import CLASSIFIED
from harness.history import Contract, LogRecord
from harness.verdict import Verdict

INVALID, FAILED, UNDECIDED, PASSED = Verdict.INVALID, Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED


def test_the_criteria_of_the_reference_service(contract: Contract) -> None:
    """A service that promises all of it is held to each line of the table, by name."""
    assert [gate.name for gate in success_criteria(contract, canary="KVQZ")] == [
        "error_rate < 0.1%",
        "latency p99 < 2 s",
        "latency max < 2 s",
        "status(5xx) == 0",
        'log("500 Internal Server Error") == 0',
        "log(status_code=500) == 0",
        'log("skipped") == 0',
        "log(forbidden texts) == 0",
        "status in log == status on the wire",
        "share(method=conversation_aware) == 100%",
        f'log("{CLASSIFIED}") == count(200)',
        "history preserved: turn n is answered as turn n",
        "log(message text) == 0",
    ]


def test_what_was_not_promised_is_not_asked(contract: Contract) -> None:
    """A foreign service with no events and no method of its own is held to status, time and forbidden lines only."""
    bare = replace(
        contract, completion_event=None, primary_method=None, forbidden_events=(), forbidden_texts=()
    )
    assert [gate.name for gate in success_criteria(bare, canary="KVQZ")] == [
        "error_rate < 0.1%",
        "latency p99 < 2 s",
        "latency max < 2 s",
        "status(5xx) == 0",
        'log("500 Internal Server Error") == 0',
        "log(status_code=500) == 0",
    ]


def test_the_texts_to_watch_are_those_of_the_gates(contract: Contract) -> None:
    """Every text that some gate asks for is counted, the canary included."""
    gates = success_criteria(contract, canary="KVQZ")
    assert watched_texts(gates) == ("500 Internal Server Error", "was never awaited", "KVQZ")


def test_a_healthy_run_passes_every_gate(
    contract: Contract,
    turn: Callable[..., TurnSent],
    record: Callable[..., LogRecord],
    seen: Callable[..., Observations],
) -> None:
    """3,000 good turns with their log lines pass the whole table, and without the log only its wire gates are judged."""
    gates = success_criteria(contract, canary="KVQZ")
    turns = [turn(f"r{n}", turn=n % 3 + 1, turn_seen=n % 3 + 1) for n in range(3_000)]
    records = [record("api_request_complete", t.request_id, status_code=200, success=True) for t in turns]
    records += [record(CLASSIFIED, t.request_id) for t in turns]
    results, unwitnessed = judge(gates, seen(turns, records, watched_texts(gates)))
    assert {result.verdict for result in results} == {PASSED}
    assert (len(results), unwitnessed) == (len(gates), ())
    results, unwitnessed = judge(gates, seen(turns))
    assert [result.name for result in results] + list(unwitnessed) == [
        gate.name for gate in sorted(gates, key=lambda gate: gate.witness == "logs")
    ]


@pytest.mark.parametrize(("verdicts", "worst"), [
    ([PASSED, UNDECIDED, FAILED, INVALID], INVALID),
    ([PASSED, UNDECIDED, FAILED], FAILED),
    ([PASSED, UNDECIDED], UNDECIDED),
    ([PASSED], PASSED),
    ([], INVALID),
])  # fmt: skip
def test_validity_comes_before_failure(verdicts: list[Verdict], worst: Verdict) -> None:
    """A load run is the worst of its gates: invalid, failed, undecided, passed; of nothing, invalid."""
    assert overall(verdicts) is worst


def test_each_gate_has_its_line_in_the_list() -> None:
    """The list for people names each kind of gate once, with one sentence."""
    listed = summaries()
    assert len({name for name, _ in listed}) == len(listed) == 11
    assert all(line for _, line in listed)
