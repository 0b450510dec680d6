"""Gates between two witnesses: what was logged against what was sent, and each turn against those before it."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.gates import Observations, TurnSent
from harness.gates.agreement import HistoryPreserved, StatusAgreement, TurnsClassified
from harness.gates.observations import CLASSIFIED
from harness.history import LogRecord
from harness.verdict import Verdict

Turn = Callable[..., TurnSent]
Record = Callable[..., LogRecord]
Seen = Callable[..., Observations]
DONE = "api_request_complete"


@pytest.mark.parametrize(("status", "logged", "verdict"), [
    (200, [{"status_code": 200, "success": True}], Verdict.PASSED),
    (200, [{"status_code": 200, "success": True, "complete": True}], Verdict.PASSED),
    (404, [{"status_code": 404, "success": False}], Verdict.PASSED),
    (500, [{"status_code": 500, "success": False}], Verdict.PASSED),
    (500, [{"status_code": 200, "success": True}], Verdict.FAILED),
    (500, [{"status_code": 500, "success": True}], Verdict.FAILED),
    (200, [{"status_code": 200, "success": False}], Verdict.FAILED),
    (200, [{"status_code": 200}], Verdict.FAILED),
    (200, [{"status_code": 200, "success": True, "complete": False}], Verdict.FAILED),
    (200, [], Verdict.FAILED),
    (200, [{"status_code": 200, "success": True}] * 2, Verdict.FAILED),
    (200, [{"success": True}], Verdict.FAILED),
    (None, [], Verdict.PASSED),
    (None, [{"status_code": 499, "success": False, "complete": False}], Verdict.PASSED),
    (None, [{"status_code": 499, "success": True, "complete": False}], Verdict.FAILED),
    (None, [{"status_code": 200, "success": True}] * 2, Verdict.FAILED),
])  # fmt: skip
def test_each_request_is_logged_once_as_it_was_sent(
    *,
    turn: Turn,
    record: Record,
    seen: Seen,
    status: int | None,
    logged: list[dict[str, Any]],
    verdict: Verdict,
) -> None:
    """Exactly one completion record with the status of the wire and the success that follows; nothing else passes."""
    records = [record(DONE, "r1", **fields) for fields in logged]
    good = [record(DONE, "r2", status_code=200, success=True)]
    result = StatusAgreement().judge(seen([turn("r2"), turn("r1", status=status)], records + good))
    assert result.verdict is verdict
    assert ("r1 turn 1" in result.message) == (verdict is Verdict.FAILED)


def test_records_of_another_request_do_not_count(turn: Turn, record: Record, seen: Seen) -> None:
    """The completion of a stranger's request, or one without an id, cannot stand in for the own one."""
    strangers = [record(DONE, name, status_code=200, success=True) for name in ("r2", None)]
    assert StatusAgreement().judge(seen([turn("r1")], strangers)).verdict is Verdict.FAILED


@pytest.mark.parametrize(("ids", "verdict"), [
    (("r1", "r2"), Verdict.PASSED),
    (("r1",), Verdict.FAILED),
    (("r1", "r1", "r2"), Verdict.FAILED),
    (("r1", "r3"), Verdict.FAILED),
    (("r1", "r2", "r3"), Verdict.PASSED),
])  # fmt: skip
def test_each_answer_has_one_classification(
    turn: Turn, record: Record, seen: Seen, ids: tuple[str, ...], verdict: Verdict
) -> None:
    """Each 200 has its one success event under its own id; the total alone would not tell two mistakes apart."""
    turns = [turn("r1"), turn("r2"), turn("r3", status=500)]
    result = TurnsClassified().judge(seen(turns, [record(CLASSIFIED, name) for name in ids]))
    assert result.verdict is verdict


@pytest.mark.parametrize(("turns", "verdict"), [
    ([(1, 200, 1), (2, 200, 2)], Verdict.PASSED),
    ([(1, 200, 1), (2, 200, 1)], Verdict.FAILED),
    ([(1, 200, 1), (2, 200, None)], Verdict.FAILED),
    ([(1, 200, 1), (2, 500, None)], Verdict.FAILED),
    ([(1, 200, 1), (2, 200, 2), (2, 500, None)], Verdict.PASSED),
    ([(1, 200, 1)], Verdict.UNDECIDED),
    ([(1, 500, None)], Verdict.FAILED),
    ([], Verdict.FAILED),
])  # fmt: skip
def test_a_conversation_is_remembered(
    turn: Turn, seen: Seen, turns: list[tuple[int, int, int | None]], verdict: Verdict
) -> None:
    """Turn n is answered as turn n; first turns alone leave it undecided, and second turns that all fail do not pass."""
    sent = [turn(f"r{number}", turn=number, status=status, turn_seen=said) for number, status, said in turns]
    assert HistoryPreserved().judge(seen(sent)).verdict is verdict
