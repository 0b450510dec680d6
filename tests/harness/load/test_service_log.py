"""The service's log, read while it grows."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from harness.errors import InvalidRun
from harness.gates.service_log import LogCell
from harness.history import Contract
from harness.load.service_log import Answer, ServiceLog

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")


def line(number: int) -> bytes:
    """What the service writes of a request."""
    said = {"event": "done", "request_id": f"load-1-{number}", "status_code": 200, "success": True}
    return orjson.dumps(said) + b"\n"


def opened(path: Path, **how: bool) -> ServiceLog:
    """The log of one file."""
    return ServiceLog({"app": path}, CONTRACT, prefix="load-1-", texts=["done"], **how)


def answers(*numbers: int) -> list[Answer]:
    """Requests that were answered with a 200."""
    return [(number, 200, "load") for number in numbers]


def told(log: ServiceLog, answered: Sequence[Answer], *, final: bool = False) -> LogCell:
    """What was written since the last time, all of one phase."""
    (cell,) = log.read(answered, lambda _: "load", final=final).values()
    return cell


def test_a_line_counts_once_however_the_file_is_cut(tmp_path: Path) -> None:
    """Read byte by byte or at once, each line and each request is counted once, at the end all of them."""
    path = tmp_path / "app.log"
    whole = line(0) + line(1) + line(2)[:-1]
    log, lines, compared = opened(path), 0, 0
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        cell = told(log, answers(0, 1, 2) if end == 0 else (), final=end == len(whole))
        lines, compared = lines + cell.lines, compared + cell.compared
        assert cell.misreported == 0
    assert (lines, compared) == (3, 3)


def test_what_was_there_before_the_run_does_not_count(tmp_path: Path) -> None:
    """Only what is written behind it does."""
    path = tmp_path / "app.log"
    path.write_bytes(line(0))
    log = opened(path, skipped=True)
    assert told(log, ()).lines == 0
    with path.open("ab") as stream:
        stream.write(line(1))
    assert told(log, answers(1), final=True).compared == 1


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """Each request that was answered is missed in it."""
    cell = told(opened(tmp_path / "none.log"), [(0, 200, "load"), (1, 0, "load")], final=True)
    assert (cell.lines, cell.misreported) == (0, 1)


def test_a_log_that_is_put_away_is_read_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    """A rotation loses no line and counts none twice, also where something was written just before it."""
    path = tmp_path / "app.log"
    path.write_bytes(line(0))
    log = opened(path)
    cells = [told(log, ())]
    with path.open("ab") as stream:
        stream.write(line(1))
    path.rename(tmp_path / "app.log.1")
    cells.append(told(log, ()))
    path.write_bytes(line(2) + line(3))
    cells.append(told(log, answers(0, 1, 2, 3), final=True))
    assert (sum(cell.lines for cell in cells), cells[-1].misreported) == (4, 0)


def test_a_log_that_is_truncated_is_read_from_its_beginning(tmp_path: Path) -> None:
    """What is written behind the cut counts, however little it is."""
    path = tmp_path / "app.log"
    path.write_bytes(line(0) + line(1))
    log = opened(path)
    cells = [told(log, answers(0, 1))]
    path.write_bytes(line(2))
    cells.append(told(log, answers(2), final=True))
    assert (sum(cell.lines for cell in cells), sum(cell.compared for cell in cells)) == (3, 3)


def test_a_log_that_was_truncated_and_is_as_long_again_is_another_text(tmp_path: Path) -> None:
    """It is seen by what stands before the place that was read to, not by its length."""
    path = tmp_path / "app.log"
    path.write_bytes(line(0))
    log = opened(path)
    cells = [told(log, answers(0))]
    path.write_bytes(line(1) + line(2) + line(3))
    cells.append(told(log, answers(1, 2, 3), final=True))
    assert (sum(cell.compared for cell in cells), sum(cell.misreported for cell in cells)) == (4, 0)


def test_a_log_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    """A folder where it should be, or a file of somebody else's, is no empty log."""
    with pytest.raises(InvalidRun, match="the log of a load has to be readable"):
        told(opened(tmp_path), ())
