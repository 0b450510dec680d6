"""The faults of the log's sink; each case in a process of its own, for this one's output is pytest's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults.logs import LogsFullPipe, LogsSlowSink
from harness.registry import silenced_by, stages_of

ROOT = Path(__file__).parents[3]
SCRIBE = ROOT / "tests" / "services" / "scribe" / "profile.toml"
CASE = """
import errno, os, threading
from loop_bench import Bench
from harness.faults import logs_pipes
from harness.faults.logs import LogsFullPipe, LogsSlowSink
from harness.faults.logs_broken import LogsClosedPipe, LogsDiskFull, LogsSinkRaises
from harness.rig import Window

inside = Bench(None, None)
original = os.dup(1)
descriptors = os.listdir("/proc/self/fd")

def say(text):
    os.write(1, f"{text}\\n".encode())

def refused():
    try:
        say("refused")
    except OSError as error:
        return errno.errorcode[error.errno]

def aside(text):
    thread = threading.Thread(target=say, args=(text,))
    thread.start()
    return thread

def waits(thread):
    # The kernel says which call a thread waits in: write, by its number here or there, to descriptor 1.
    call = None
    while call not in (["1", "0x1"], ["64", "0x1"]):
        with open(f"/proc/self/task/{thread.native_id}/syscall") as file:
            call = file.read().split()[:2]

def as_before():
    assert os.path.samestat(os.fstat(1), os.fstat(original))
    assert os.listdir("/proc/self/fd") == descriptors
    assert threading.active_count() == 1
"""


def output_of(script: str) -> list[str]:
    """The lines that reach the standard output of a process that runs the script."""
    done = subprocess.run(
        [sys.executable, "-c", CASE + script],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_who_writes_to_a_full_pipe_waits_until_it_is_healed() -> None:
    """A write does not come back before the end; how much had to wait is the firing, and the next write is heard."""
    said = output_of("""
with LogsFullPipe().within(inside):
    writer = aside("lost")
    waits(writer)
    assert writer.is_alive()
    assert not inside.noted
writer.join()
assert inside.noted == ["5 bytes had to wait"]
say("heard")
as_before()
""")
    assert said == ["heard"]


def test_a_pipe_fills_from_empty_where_its_size_is_given() -> None:
    """What fits into one page is taken at once, the rest waits; where all fits nothing fired."""
    said = output_of("""
with LogsFullPipe(pipe_bytes=4096).within(inside):
    say("x" * 99)
assert not inside.noted
with LogsFullPipe(pipe_bytes=4096).within(inside):
    say("x" * 4095)
    writer = aside("y" * 99)
    waits(writer)
writer.join()
assert inside.noted == ["100 bytes had to wait"]
as_before()
""")
    assert said == []


@pytest.mark.parametrize(
    ("fault", "code", "detail"),
    [
        ("LogsClosedPipe()", "EPIPE", "broken: [Errno 32] Broken pipe"),
        ("LogsDiskFull()", "ENOSPC", "broken: [Errno 28] No space left on device"),
        ("LogsSinkRaises()", "EBADF", "broken: I/O operation on closed file."),
        ("LogsSinkRaises(error='os')", "EBADF", "broken: [Errno 5] Input/output error"),
        ("LogsSinkRaises(error='ENOSPC')", "ENOSPC", "broken: [Errno 28] No space left on device"),
    ],
)
def test_a_sink_breaks_with_the_first_that_is_written(fault: str, code: str, detail: str) -> None:
    """The first write passes, is lost, and is the firing; every later one fails, and after the end none does."""
    said = output_of(f"""
with {fault}.within(inside):
    assert not inside.noted
    say("lost")
    inside.until_fired()
    assert [refused(), refused()] == [{code!r}, {code!r}]
assert inside.noted == [{detail!r}]
say("heard")
as_before()
""")
    assert said == ["heard"]


def test_a_sink_that_raises_does_so_where_it_is_called_too() -> None:
    """What `print` writes raises the error itself, at once; of another sink only what failed is a firing.

    The first that is written to that is lost without an error.
    """
    said = output_of("""
from harness.within.output import OUTPUT_GATE
OUTPUT_GATE.install(has_file=True)
with LogsSinkRaises().within(inside):
    try:
        print("lost")
    except ValueError as error:
        assert inside.noted == [f"5 bytes refused: {error}"]
assert len(inside.noted) == 1
with LogsDiskFull().within(inside):
    OUTPUT_GATE.write(b"lost\\n")
assert len(inside.noted) == 1  # what was lost met no error
with LogsDiskFull().within(inside):
    try:
        while True:
            OUTPUT_GATE.write(b"lost\\n")
    except OSError:
        pass
assert inside.noted[1:] == ["5 bytes refused: [Errno 28] No space left on device"]
print("heard")
as_before()
""")
    assert said == ["heard"]


def test_where_nothing_is_written_nothing_fired() -> None:
    """Each of them ends without a firing, and without a thread or a descriptor, where the target wrote nothing."""
    said = output_of("""
logs_pipes.LEFT_S_MAX = 3600  # nobody is waited for
for fault in (LogsFullPipe(), LogsClosedPipe(), LogsDiskFull(), LogsSinkRaises(), LogsSlowSink()):
    with fault.within(inside):
        pass
    as_before()
assert not inside.noted
say("heard")
""")
    assert said == ["heard"]


def test_a_slow_sink_loses_nothing_and_keeps_the_order() -> None:
    """A write waits for the one before the one before it; when the fault ends the rest passes without delay, in order."""
    said = output_of("""
with LogsSlowSink(delay_ms=3_600_000).within(inside):
    say("one")
    inside.until_fired()
    say("two")
    writer = aside("three")
    waits(writer)
    assert writer.is_alive()
writer.join()
assert inside.noted == ["4 bytes taken 3.6e+06 ms late"]
as_before()
say("four")
""")
    assert said == ["one", "two", "three", "four"]


def test_a_slow_sink_is_slow_in_its_window_only() -> None:
    """Of four writes every second one is late; all arrive."""
    said = output_of("""
read, write = os.pipe()
with inside.output_to(write), LogsSlowSink(delay_ms=0.001, window=Window(every_k=2)).within(inside):
    for number in range(4):
        say(number)
        assert os.read(read, 9) == f"{number}\\n".encode()
        assert len(inside.noted) == (number + 1) // 2
""")
    assert said == []


@pytest.mark.parametrize("first", [0, 1])
def test_two_slow_sinks_end_in_either_order(first: int) -> None:
    """What goes through both arrives whole and in order, also through one that has ended."""
    said = output_of(f"""
both = [LogsSlowSink(delay_ms=0.001).within(inside), LogsSlowSink(delay_ms=0.001).within(inside)]
for one in both:
    one.__enter__()
say("both")
both[{first}].__exit__(None, None, None)
say("one")
both[{1 - first}].__exit__(None, None, None)
for one in threading.enumerate()[1:]:
    one.join()  # the first one passed on until the second one had gone
as_before()
say("none")
""")
    assert said == ["both", "one", "none"]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("other", ["LogsClosedPipe()", "LogsDiskFull()", "LogsSlowSink(delay_ms=0.001)"])
def test_a_full_pipe_and_another_end_in_either_order(other: str, first: int) -> None:
    """Neither end waits for the other, whoever waits goes on in the end, and the original output is back."""
    said = output_of(f"""
both = [{other}.within(inside), LogsFullPipe().within(inside)]
for one in both:
    one.__enter__()
writer = aside("lost")
waits(writer)
both[{first}].__exit__(None, None, None)
both[{1 - first}].__exit__(None, None, None)
writer.join()
assert inside.noted == ["5 bytes had to wait"]
as_before()
say("heard")
""")
    assert said == ["heard"]


def test_a_pipe_that_nobody_reads_silences_the_log() -> None:
    """What it took is owed by nobody; it needs a process with an output of its own, where a write can really wait."""
    assert silenced_by([LogsFullPipe()]) == {"logs"}
    assert stages_of(LogsFullPipe()) == ("live",)


def test_a_slow_log_is_heard() -> None:
    """It is late, and silences nobody; a simulated one is late in virtual time."""
    assert not silenced_by([LogsSlowSink()])
    assert stages_of(LogsSlowSink()) == ("simulated", "live")


@pytest.mark.parametrize(
    ("make", "knob"),
    [(lambda: LogsFullPipe(pipe_bytes=-1), "pipe_bytes"), (lambda: LogsSlowSink(delay_ms=0), "delay_ms")],
)
def test_a_knob_out_of_its_range_is_refused(make: Any, knob: str) -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=f"^{knob}="):
        make()


def test_a_full_pipe_is_played_and_met(shakeout: Any) -> None:
    """In a service with an output of its own a write has to wait: the fault fired, and the service goes on after it."""
    code, said, _ = shakeout("sweep", "logs.full_pipe", "--stage", "live", "--target", str(SCRIBE))
    assert (code, "logs.full_pipe  two_sessions  passed   1 " in said) == (0, True), said
