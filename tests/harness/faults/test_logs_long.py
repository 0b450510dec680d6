"""Long lines from many threads, as the target's own logging takes them."""

import logging
from collections.abc import Iterator

import pytest
from loop_bench import Bench

from harness.errors import UsageError
from harness.faults.logs_holds import long_line
from harness.faults.logs_long import LogsLongLines
from harness.rig import Window


class Kept(logging.Handler):
    """Keeps what it was given."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The logger of the threads, cut off from the test runner's handlers, and as before afterwards."""
    logger = logging.getLogger("shakeout")
    before = (logger.handlers, logger.propagate)
    logger.propagate = False
    yield logger
    logger.handlers, logger.propagate = before
    logger.setLevel(logging.NOTSET)  # which forgets what it had worked out, too


def played(fault: LogsLongLines, lines: int) -> list[str]:
    """What was noted, where so many lines were waited for."""
    inside = Bench(None, None)  # type: ignore[arg-type]  # no loop is needed
    with fault.within(inside):
        inside.until_fired(lines)
    return inside.noted


@pytest.mark.parametrize("loud", ["handler", "logger", "disable", ""])
def test_each_line_is_logged_once_with_its_number(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, loud: str
) -> None:
    """Every thread logs its part, as loudly as the target wants it; each is a firing with number and length."""
    kept = Kept(logging.CRITICAL if loud == "handler" else logging.NOTSET)
    root.handlers = [kept]
    root.setLevel(logging.CRITICAL if loud == "logger" else logging.NOTSET)
    monkeypatch.setattr(root.manager, "disable", logging.CRITICAL if loud == "disable" else logging.NOTSET)
    noted = played(LogsLongLines(line_bytes=5_000, threads=3, lines=4), 12)
    numbers = [one.split()[1] for one in noted]
    assert noted == [f"line {number} of 5000 bytes logged" for number in numbers]
    assert len(set(numbers)) == 12
    assert sorted(kept.texts) == sorted(long_line(number, 5_000) for number in numbers)


def test_a_target_that_keeps_no_log_of_its_libraries_sees_no_line(root: logging.Logger) -> None:
    """Where there is a handler that discards all, nothing is logged and nothing fired."""
    root.handlers = [logging.NullHandler()]
    assert played(LogsLongLines(), 0) == []


def test_a_target_whose_filter_drops_foreign_loggers_sees_no_line(root: logging.Logger) -> None:
    """Where each handler lets through what is its own only, nothing is logged and nothing fired; one that takes it does."""
    own = Kept()
    own.addFilter(logging.Filter("service"))
    root.handlers = [own]
    assert played(LogsLongLines(), 0) == own.texts == []
    root.handlers = [own, Kept(logging.ERROR)]
    assert len(played(LogsLongLines(threads=1, lines=2), 2)) == 2


def test_without_any_handler_the_last_resort_is_one(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that has set up nothing has what Python falls back to; without that there is none."""
    kept = Kept()
    root.handlers = []
    monkeypatch.setattr(logging, "lastResort", kept)
    assert len(played(LogsLongLines(threads=1, lines=2), 2)) == len(kept.texts) == 2
    monkeypatch.setattr(logging, "lastResort", None)
    assert played(LogsLongLines(), 0) == []


def test_only_the_lines_in_the_window_are_logged(root: logging.Logger) -> None:
    """Of the lines the first three are, from whichever thread."""
    root.handlers = [Kept()]
    assert len(played(LogsLongLines(window=Window(first_n=3)), 3)) == 3


@pytest.mark.parametrize(
    ("knobs", "knob"),
    [({"line_bytes": 4_096}, "line_bytes"), ({"threads": 0}, "threads"), ({"lines": 0}, "lines")],
)
def test_a_knob_out_of_its_range_is_refused(knobs: dict[str, int], knob: str) -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=f"^{knob}="):
        LogsLongLines(**knobs)
