"""Cells: they add up, whoever counted them, and are the same text where they are equal."""

import json

from harness.gates.cells import EXAMPLES_MAX, Cell, Cells, unpacked
from harness.gates.criterion import Scope

KEYS = (("chat", "POST /turn", "before"), ("chat", "POST /turn", "during"), ("", "GET /health", "during"))


def counted(number: int) -> Cell:
    """A cell that is unlike another number's."""
    cell = Cell(requests=number, failed=1, shed=1, later=number, forgotten=0)
    cell.statuses.update({200: number, 0: 1})
    cell.methods.update({f"m{number}": number})
    for durations in (cell.latency, cell.service, cell.first_token):
        durations.add(range(0, number * 1_000, 7), (500,))
    cell.example("failed", f"request {number}")
    return cell


def test_cells_survive_being_stored() -> None:
    """What was packed, written as JSON, read and unpacked is what it was."""
    cells = Cells(by_key={key: counted(number) for number, key in enumerate(KEYS, start=1)})
    stored = json.loads(json.dumps(cells.packed()))
    assert Cells(by_key=dict(unpacked(stored))) == cells


def test_two_generators_that_counted_are_one_that_counted_all() -> None:
    """In whatever order their cells are merged; the text is the same."""
    texts = set()
    for order in ((1, 2, 3), (3, 1, 2)):
        cells = Cells()
        for number in order:
            cells.merge([(KEYS[0], counted(number)), (KEYS[number % 3], counted(number))])
        for cell in cells.by_key.values():
            cell.examples = {}
        texts.add(json.dumps(cells.packed()))
    assert len(texts) == 1


def test_a_scope_holds_what_it_names() -> None:
    """An empty one holds all, and each name leaves out what is of another."""
    cells = Cells(by_key={key: counted(number) for number, key in enumerate(KEYS, start=1)})
    requests = {
        Scope(): 6,
        Scope(scenario="chat"): 3,
        Scope(phase="during"): 5,
        Scope(endpoint="GET /health", phase="during"): 3,
        Scope(scenario="chat", phase="after"): 0,
    }
    assert {scope: cells.within(scope).requests for scope in requests} == requests


def test_evidence_is_bounded() -> None:
    """The first requests of a kind are kept; of more there is the number."""
    cell = Cell()
    for number in range(10):
        cell.example("failed", str(number))
    assert cell.examples == {"failed": tuple(map(str, range(EXAMPLES_MAX)))}
