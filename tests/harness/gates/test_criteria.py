"""The success criteria as gates, and the order of verdicts."""

from dataclasses import replace

import pytest

from harness.gates import overall, success_criteria
from harness.gates.criteria import by_log, summaries, watched_texts
from harness.gates.grammar import parse
from harness.gates.metrics import METRICS
from harness.history import Contract
from harness.verdict import Verdict

FAILED, INVALID, PASSED, UNDECIDED = Verdict.FAILED, Verdict.INVALID, Verdict.PASSED, Verdict.UNDECIDED


def test_the_criteria_of_the_reference_service(contract: Contract) -> None:
    """Each line of the table is a gate, and what is read from its name is the same gate."""
    gates = success_criteria(contract, canary="KVQZ")
    assert [str(gate) for gate in gates] == [
        "error_rate < 0.1%",
        "p99 < 2s",
        "max < 2s",
        "status(5xx) == 0",
        "log_status(500) == 0",
        'log("skipped") == 0',
        "misreported == 0",
        "share(method=conversation_aware) == 100%",
        "unclassified == 0",
        "forgotten == 0",
        'log_text("500 Internal Server Error") == 0',
        'log_text("was never awaited") == 0',
        'log_text("KVQZ") == 0',
    ]
    assert tuple(parse(str(gate)) for gate in gates) == gates


def test_what_was_not_promised_is_not_asked(contract: Contract) -> None:
    """Without completion event, method and forbidden words only what any service owes is left."""
    bare = replace(
        contract, completion_event=None, primary_method=None, forbidden_events=(), forbidden_texts=()
    )
    assert [gate.metric for gate in success_criteria(bare, canary="KVQZ")] == [
        "error_rate",
        "p99",
        "max",
        "status",
        "log_status",
        "log_text",
    ]


def test_the_texts_to_watch_are_those_of_the_gates(contract: Contract) -> None:
    """What no gate is about is not looked for."""
    gates = success_criteria(contract, canary="KVQZ")
    assert watched_texts(gates) == ("500 Internal Server Error", "was never awaited", "KVQZ")


def test_who_testifies_is_known_of_each_metric() -> None:
    """What begins with `log`, and what is compared with it, needs a log; the wire shows all else."""
    of_log = {name for name in METRICS if by_log(parse(EXAMPLES.get(name, f"{name} == 0")))}
    assert of_log == {"log", "log_text", "log_status", "misreported", "unclassified"}


EXAMPLES = {
    "error_rate": "error_rate < 1%",
    "max": "max < 1s",
    "rps": "rps > 1",
    "status": "status(5xx) == 0",
    "share": "share(method=a) == 100%",
    "log": 'log("a") == 0',
    "log_text": 'log_text("a") == 0',
    "log_status": "log_status(500) == 0",
    **{name: f"{name} < 1s" for name in METRICS if name.startswith(("p", "ttft"))},
}


@pytest.mark.parametrize(("verdicts", "worst"), [
    ([], INVALID),
    ([PASSED, PASSED], PASSED),
    ([PASSED, UNDECIDED], UNDECIDED),
    ([UNDECIDED, FAILED], FAILED),
    ([FAILED, INVALID], INVALID),
])  # fmt: skip
def test_validity_comes_before_failure(verdicts: list[Verdict], worst: Verdict) -> None:
    """The worst counts, and figures that cannot be trusted do not fail a service either."""
    assert overall(verdicts) is worst


def test_each_metric_has_its_line_in_the_list() -> None:
    """As it is written in a gate, with one sentence."""
    listed = dict(summaries())
    assert len(listed) == len(METRICS)
    assert listed['log("EVENT")'].startswith("Lines of the service's log with this event")
    assert all(listed.values())
