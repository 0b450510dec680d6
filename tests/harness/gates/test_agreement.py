"""What the client saw and what the log tells, held to each other request by request."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from harness.gates.agreement import Agreement, Bits
from harness.gates.log_fields import CLASSIFIED
from harness.gates.service_log import LogCell
from harness.history import Contract, LogRecord

Record = Callable[..., LogRecord]
DONE = "api_request_complete"
GOOD = {"status_code": 200, "success": True, "complete": True}
BAD = {"status_code": 500, "success": False, "complete": True}


def told(contract: Contract, *steps: tuple[str, Any]) -> LogCell:
    """The cell after these steps: `sent` with number and status, `logged` with a record."""
    return cells(contract, *steps)["load"]


def cells(contract: Contract, *steps: tuple[str, Any]) -> Mapping[str, LogCell]:
    """The cells by phase; a request that names none is of `load`, in which all lines are written."""
    agreement, found = Agreement(contract=contract, prefix="load-1-"), defaultdict[str, LogCell](LogCell)
    for kind, what in steps:
        if kind == "sent":
            number, status, phase = (*what, "load")[:3]
            agreement.answered(number, status, phase, found)
        else:
            agreement.logged(what, "load", found)
    agreement.end(found)
    return found


@pytest.mark.parametrize(("ended", "misreported", "why"), [
    ((200, [GOOD]), 0, None),
    ((500, [BAD]), 0, None),
    ((200, []), 1, "it has no completion record"),
    ((200, [GOOD, GOOD]), 1, "it has more than one completion record"),
    ((500, [GOOD]), 1, "it was answered with 500 and logged as 200"),
    ((500, [BAD | {"success": True}]), 1, "it was logged as success=True with status 500"),
    ((200, [GOOD | {"complete": False}]), 1, "it was logged as success=True with status 200"),
    ((200, [GOOD | {"status_code": None}]), 1, "it was answered with 200 and logged as None"),
    ((200, [GOOD | {"success": None}]), 0, None),
    ((0, [{"status_code": None, "success": False}]), 0, None),
    ((0, [{"status_code": None, "success": True}]), 0, None),
    ((200, [GOOD | {"complete": None}]), 0, None),
    ((200, [{"status": 200, "success": True}]), 0, None),
    ((0, []), 0, None),
    ((0, [BAD]), 0, None),
    ((0, [BAD | {"success": True}]), 1, "it was logged as success=True with status 500"),
])  # fmt: skip
def test_each_request_is_told_of_once_and_as_it_ended(
    contract: Contract, record: Record, ended: tuple[int, list[dict[str, Any]]], misreported: int, why: str
) -> None:
    """In whatever order the two witnesses speak; of one without an answer at most one record may exist."""
    status, records = ended
    contract = replace(contract, primary_method=None)
    steps = [("sent", (7, status)), *(("logged", record(DONE, "load-1-7", **one)) for one in records)]
    for order in permutations(steps):
        cell = told(contract, *order)
        assert (cell.misreported, cell.compared) == (misreported, 1)
        assert cell.examples.get("misreported") == (None if why is None else f"load-1-7: {why}")


@pytest.mark.parametrize(
    ("status", "count", "unclassified"), [(200, 1, 0), (200, 0, 1), (200, 2, 1), (503, 0, 0)]
)
def test_each_answer_has_one_classification(
    contract: Contract, record: Record, status: int, count: int, unclassified: int
) -> None:
    """Only what was answered with a 200 owes one, and no more than one."""
    contract = replace(contract, completion_event=None)
    steps = [("sent", (7, status)), *[("logged", record(CLASSIFIED, "load-1-7"))] * count]
    for order in permutations(steps):
        assert told(contract, *order).unclassified == unclassified


def test_what_is_missing_is_of_the_phase_in_which_its_request_was_due(contract: Contract) -> None:
    """The end of a run is in its last phase, and no request of that one lacks anything."""
    found = cells(contract, ("sent", (0, 200, "first")), ("sent", (1, 0, "load")))
    first, last = found["first"], found["load"]
    assert (first.misreported, first.unclassified, first.compared) == (1, 1, 1)
    assert (last.misreported, last.unclassified, last.compared) == (0, 0, 1)


def test_records_of_other_requests_do_not_count(contract: Contract, record: Record) -> None:
    """Another load's, a health check's, one without an id or with digits of another script: none of them is ours."""
    others = ["load-2-7", "health", None, "7", "load-1-", "load-1-\u0667"]
    cell = told(contract, *(("logged", record(DONE, one, **BAD)) for one in others))
    assert (cell.compared, cell.misreported, cell.unclassified) == (0, 0, 0)


def test_a_set_of_numbers_holds_what_was_added() -> None:
    """Each at its own bit, the first of all and one far beyond the others too."""
    bits = Bits()
    for number in (0, 9, 70_000):
        bits.add(number)
    assert [number for number in (*range(20), 69_999, 70_000, 70_001, 9_000_000) if number in bits] == [
        0,
        9,
        70_000,
    ]
