"""The log of a service under load, counted."""

from collections.abc import Callable

import pytest

from harness.gates import service_log
from harness.gates.service_log import OTHER_EVENTS, LogCell
from harness.history import LogRecord

Record = Callable[..., LogRecord]


def test_events_texts_and_statuses_are_counted_each_with_its_first_line(record: Record) -> None:
    """A text counts in a line of any form, a status as a field and as it is written in a line of no known form."""
    cell = LogCell()
    cell.add(record("done", "r1", text="done r1", status_code=200), ["was never awaited"])
    cell.add(record("done", "r2", text="done r2", status_code=500), ["was never awaited"])
    cell.add(record(text="coroutine was never awaited status_code=500"), ["was never awaited"])
    assert (cell.lines, cell.events["done"], cell.texts["was never awaited"]) == (3, 2, 1)
    assert cell.statuses == {200: 1, 500: 2}
    assert cell.examples["done"] == str(record("done", "r1", text="done r1", status_code=200))
    assert "r2" in cell.examples["status_code=500"]


def test_a_status_that_is_no_number_is_looked_for_in_the_text(record: Record) -> None:
    """A field that says `true` is no status of 1: what stands in the line counts."""
    cell = LogCell()
    cell.add(record("done", text="done status_code=500", status_code=True), [])
    assert cell.statuses == {500: 1}


def test_cells_add_up_and_survive_being_packed(record: Record) -> None:
    """Two parts of a log count what the whole does, whatever carried them."""
    first, second, whole = LogCell(), LogCell(), LogCell()
    for number in range(6):
        one = record(f"event{number % 2}", f"r{number}", text=f"line {number}", status_code=200 + number)
        for cell in ((first if number < 3 else second), whole):
            cell.add(one, ["line 5"])
    first.misreported, second.misreported, whole.misreported = 1, 2, 3
    together = LogCell.unpacked(first.packed())
    together.merge(LogCell.unpacked(second.packed()))
    assert together.packed() == whole.packed()


def test_a_log_of_endless_events_costs_bounded_memory(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes after so many different ones is counted together, and those that are known go on by name."""
    monkeypatch.setattr(service_log, "EVENTS_MAX", 2)
    cell = LogCell()
    for name in ("a", "b", "c", "d", "a"):
        cell.add(record(name, text=name), [])
    assert cell.events == {"a": 2, "b": 1, OTHER_EVENTS: 2}
