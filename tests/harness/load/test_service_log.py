"""The service's log, read while it grows."""

from pathlib import Path

import orjson

from harness.history import Contract
from harness.load.service_log import ServiceLog

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")


def line(number: int) -> bytes:
    """What the service writes of a request."""
    said = {"event": "done", "request_id": f"load-1-{number}", "status_code": 200, "success": True}
    return orjson.dumps(said) + b"\n"


def opened(path: Path, **how: bool) -> ServiceLog:
    """The log of one file."""
    return ServiceLog({"app": path}, CONTRACT, prefix="load-1-", texts=["done"], **how)


def test_a_line_counts_once_however_the_file_is_cut(tmp_path: Path) -> None:
    """Read byte by byte or at once, each line and each request is counted once, at the end all of them."""
    path = tmp_path / "app.log"
    whole = line(0) + line(1) + line(2)[:-1]
    log, lines, compared = opened(path), 0, 0
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        cell = log.read((0, 200, 1, 200, 2, 200) if end == 0 else (), final=end == len(whole))
        lines, compared = lines + cell.lines, compared + cell.compared
        assert cell.misreported == 0
    assert (lines, compared) == (3, 3)


def test_what_was_there_before_the_run_does_not_count(tmp_path: Path) -> None:
    """Only what is written behind it does."""
    path = tmp_path / "app.log"
    path.write_bytes(line(0))
    log = opened(path, skipped=True)
    assert log.read((), final=False).lines == 0
    with path.open("ab") as stream:
        stream.write(line(1))
    assert log.read((1, 200), final=True).compared == 1


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """Each request that was answered is missed in it."""
    cell = opened(tmp_path / "none.log").read((0, 200, 1, 0), final=True)
    assert (cell.lines, cell.misreported) == (0, 1)
