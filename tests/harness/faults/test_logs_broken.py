"""The faults of `sys.stdout` itself, as a simulated run has it: a gate that has no file."""

import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from loop_bench import Bench

from harness.errors import UsageError
from harness.faults.logs import LogsSlowSink
from harness.faults.logs_broken import BrokenSink, LogsClosedPipe, LogsDiskFull, LogsSinkRaises
from harness.registry import silenced_by, stages_of
from harness.rig import Window
from harness.within import output


class Simulated(Bench):
    """The inside of a process whose output has no file; what is written arrives in `written`."""

    def __init__(self, stream: io.TextIOWrapper, written: list[bytes]) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]  # no loop is needed
        self.stream = stream
        self.written = written
        self.output_has_file = False

    def output_to(self, descriptor: int) -> Any:
        raise AssertionError(descriptor)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulated]:
    """A gate that is installed for the test."""
    written: list[bytes] = []

    def take(data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is put back
    monkeypatch.setattr(output.OUTPUT_GATE, "has_file", True)
    monkeypatch.setattr(output, "_written", take)
    output.OUTPUT_GATE.install(has_file=False)
    stream = sys.stdout
    assert isinstance(stream, io.TextIOWrapper)
    yield Simulated(stream, written)
    stream.detach()  # the gate is the process's own, and stays open


ALL = [
    (LogsClosedPipe(), BrokenPipeError, "Broken pipe"),
    (LogsDiskFull(), OSError, "No space left on device"),
    (LogsSinkRaises(), ValueError, "I/O operation on closed file."),
    (LogsSinkRaises(error="os"), OSError, "Input/output error"),
    (LogsSinkRaises(error="ENOSPC"), OSError, "No space left on device"),
]


@pytest.mark.parametrize(("fault", "kind", "text"), ALL, ids=str)
def test_each_write_is_refused_until_the_end(
    inside: Simulated, fault: BrokenSink, kind: type[Exception], text: str
) -> None:
    """What `print` and the bytes below it write raises, each is a firing, nothing arrives, and then all does again."""
    print("before", file=inside.stream)
    with fault.within(inside):
        with pytest.raises(kind, match=text):
            print("lost", file=inside.stream)
        with pytest.raises(kind, match=text):
            inside.stream.buffer.write(b"lost too")
    print("after", file=inside.stream)
    assert b"".join(inside.written) == b"before\nafter\n"
    assert [one.partition(":")[0] for one in inside.noted] == ["5 bytes refused", "8 bytes refused"]


def test_only_the_writes_in_the_window_are_refused(inside: Simulated) -> None:
    """Of three writes the first fails; only that one is a firing."""
    with LogsSinkRaises(window=Window(first_n=1)).within(inside):
        with pytest.raises(ValueError, match="closed file"):
            inside.stream.write("one\n")
        inside.stream.write("two\n")
        inside.stream.write("three\n")
    assert inside.written == [b"two\n", b"three\n"]
    assert len(inside.noted) == 1


def test_two_faults_end_in_either_order(inside: Simulated) -> None:
    """The one that is left rules; after both nobody does."""
    first, second = LogsDiskFull().within(inside), LogsClosedPipe().within(inside)
    first.__enter__()
    second.__enter__()
    with pytest.raises(BrokenPipeError):
        inside.stream.write("x\n")
    first.__exit__(None, None, None)
    with pytest.raises(BrokenPipeError):
        inside.stream.write("x\n")
    second.__exit__(None, None, None)
    inside.stream.write("heard\n")
    assert inside.written == [b"heard\n"]


def test_a_slow_sink_takes_one_write_after_the_other(inside: Simulated) -> None:
    """A write is held up in the thread that writes, the next one waits for it, and the end lets all pass in order."""
    slow = LogsSlowSink(delay_ms=3_600_000).within(inside)
    slow.__enter__()
    writer = threading.Thread(target=lambda: inside.stream.buffer.write(b"late"))
    writer.start()
    inside.until_fired()
    assert inside.written == []
    assert writer.is_alive()
    slow.__exit__(None, None, None)
    writer.join()
    inside.stream.buffer.write(b"next")
    assert inside.written == [b"late", b"next"]
    assert inside.noted == ["4 bytes taken 3.6e+06 ms late"]


@pytest.mark.parametrize("fault", [LogsClosedPipe(), LogsDiskFull(), LogsSinkRaises()], ids=str)
def test_a_log_that_is_lost_is_owed_by_nobody(fault: BrokenSink) -> None:
    """Each of them silences the log, and is played in both stages."""
    assert silenced_by([fault]) == {"logs"}
    assert stages_of(fault) == ("simulated", "live")


def test_an_error_that_is_none_of_them_is_refused() -> None:
    """The message names the knob, and those that there are."""
    with pytest.raises(UsageError, match=r"^error='EIO': must be one of 'value', 'os', 'ENOSPC'"):
        LogsSinkRaises(error="EIO")
