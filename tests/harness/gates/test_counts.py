"""Gates on what must not be, and on what must be every time."""

import math
from collections.abc import Callable

import pytest

from harness.gates import Observations, TurnSent
from harness.gates.counts import EveryTurnFast, LogEvents, LogStatus, LogTexts, MethodShare, ServerErrors
from harness.gates.result import Gate
from harness.history import LogRecord
from harness.verdict import Verdict

Turn = Callable[..., TurnSent]
Record = Callable[..., LogRecord]
Seen = Callable[..., Observations]
TEXT = "500 Internal Server Error"


@pytest.mark.parametrize(("answer", "verdict"), [
    ({"status": 200}, Verdict.PASSED),
    ({"status": 404}, Verdict.PASSED),
    ({"status": 500}, Verdict.FAILED),
    ({"status": 503}, Verdict.FAILED),
    ({"status": 503, "retry_after": True}, Verdict.PASSED),
    ({"status": 500, "retry_after": True}, Verdict.FAILED),
    ({"status": None}, Verdict.FAILED),
])  # fmt: skip
def test_only_declared_shedding_may_be_a_5xx(
    turn: Turn, seen: Seen, answer: dict[str, object], verdict: Verdict
) -> None:
    """A 503 with Retry-After is shedding; every other 5xx fails, and where no answer was seen nothing passes."""
    assert ServerErrors().judge(seen([turn(**answer)])).verdict is verdict


def test_one_server_error_is_found_and_shown(turn: Turn, seen: Seen) -> None:
    """One 500 among many fails the gate, is counted as one, and is named."""
    result = ServerErrors().judge(seen([turn("a"), turn("b", status=500), turn("c")]))
    assert (result.verdict, result.observed, result.limit) == (Verdict.FAILED, 1, 0)
    assert "b turn 1 -> 500" in result.message


@pytest.mark.parametrize(("slowest", "verdict", "observed"), [
    ({"ended_s": 2.999}, Verdict.PASSED, 1.999),
    ({"ended_s": 3.0}, Verdict.FAILED, 2.0),
    ({"status": 500, "ended_s": 4.0}, Verdict.FAILED, 3.0),
    ({"status": None}, Verdict.FAILED, math.inf),
])  # fmt: skip
def test_no_single_turn_may_be_slow(
    turn: Turn, seen: Seen, slowest: dict[str, object], verdict: Verdict, observed: float
) -> None:
    """One turn at the limit fails, whatever the others did; one without an answer is endless."""
    result = EveryTurnFast().judge(seen([turn("a"), turn("b", **slowest)]))
    assert result.verdict is verdict
    assert result.observed == pytest.approx(observed)
    assert "b turn 1" in result.message


def test_every_answer_must_come_from_the_primary_method(turn: Turn, seen: Seen) -> None:
    """One answer of a lower level fails the share; a turn without an answer is no answer of another method."""
    gate = MethodShare(method="conversation_aware")
    assert gate.name == "share(method=conversation_aware) == 100%"
    assert gate.judge(seen([turn("a"), turn("b", status=500, method=None)])).verdict is Verdict.PASSED
    result = gate.judge(seen([turn("a"), turn("b", method="pattern"), turn("c", method=None), turn("d")]))
    assert (result.verdict, result.observed) == (Verdict.FAILED, 0.5)
    assert "b turn 1" in result.message


def test_a_line_that_must_not_be_is_found_and_shown(record: Record, seen: Seen, turn: Turn) -> None:
    """An event, a text and a status are each counted, and the first line is the evidence."""
    records = [
        record("skipped", text="the skipped line"),
        record("fine", text="fine"),
        record(text=f'"POST /turn HTTP/1.1" {TEXT}'),
        record("api_request_complete", status_code=500, text="the json line"),
        record(text="api_request_complete status_code=500 success=false"),
    ]
    observed = seen([turn()], records, (TEXT, "never"))
    for gate, count, line in (
        (LogEvents(event="skipped"), 1, "the skipped line"),
        (LogTexts(texts=(TEXT, "never")), 1, TEXT),
        (LogStatus(), 2, "the json line"),
    ):
        result = gate.judge(observed)
        assert (result.verdict, result.observed) == (Verdict.FAILED, count)
        assert line in result.message
        assert "in 5 lines" in result.message


@pytest.mark.parametrize("gate", [LogEvents(event="skipped"), LogTexts(texts=(TEXT,)), LogStatus()])
def test_a_log_without_the_services_own_word_cannot_testify(
    gate: Gate, record: Record, seen: Seen, turn: Turn
) -> None:
    """A log with completion records passes; an empty one, or the server's access lines alone, never does."""
    access = record("200 OK", text='INFO: "POST /turn HTTP/1.1" 200 OK', status_code=200)
    spoken = gate.judge(seen([turn()], [access, record("api_request_complete")], (TEXT,)))
    assert spoken.verdict is Verdict.PASSED
    for mute, said in ([], "the log is empty"), ([access], "the log has no api_request_complete in 1 lines"):
        result = gate.judge(seen([turn()], mute, (TEXT,)))
        assert (result.verdict, result.message) == (Verdict.INVALID, f"{said}: it cannot testify")


@pytest.mark.parametrize("gate", [ServerErrors(), EveryTurnFast(), MethodShare(method="x")])
def test_a_metric_that_was_never_seen_does_not_pass(gate: Gate, seen: Seen) -> None:
    """Without a turn, each gate on the wire fails instead of finding nothing wrong."""
    assert gate.judge(seen([])).verdict is Verdict.FAILED


def test_many_texts_are_named_by_their_label() -> None:
    """A gate on many texts carries a label in its name, one on a single text the text."""
    assert LogTexts(texts=(TEXT,)).name == f'log("{TEXT}") == 0'
    assert LogTexts(texts=("a", "b"), label="forbidden texts").name == "log(forbidden texts) == 0"
