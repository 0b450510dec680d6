"""Where the standard output goes; each case in a process of its own, for this one's output is pytest's."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CASE = """
import contextlib, os, sys
from harness.within.output import OUTPUT_GATE, Output, output_to

def opened(name):
    return os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

def same(one, other):
    return os.path.samestat(os.fstat(one), os.fstat(other))
"""


def output_of(directory: Path, script: str) -> str:
    """What reaches the standard output of a process that runs the script in the directory."""
    done = subprocess.run(
        [sys.executable, "-c", CASE + script],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_output_goes_elsewhere_and_comes_back(tmp_path: Path) -> None:
    """What is printed before, within and after lands in its own place, though nobody flushed; no descriptor is left."""
    said = output_of(
        tmp_path,
        """
before = os.fstat(1)
descriptors = os.listdir("/proc/self/fd")
print("before")
file = opened("a")
with output_to(file):
    os.close(file)  # the redirection has its own
    print("within", flush=True)
    os.write(1, b"raw\\n")
print("after")
assert os.path.samestat(before, os.fstat(1))
assert os.listdir("/proc/self/fd") == descriptors
""",
    )
    assert said == "before\nafter\n"
    assert (tmp_path / "a").read_text() == "within\nraw\n"


@pytest.mark.parametrize(("first", "ruling"), [("a", "b"), ("b", "a")])
def test_the_latest_that_is_open_rules(tmp_path: Path, first: str, ruling: str) -> None:
    """Of two redirections that overlap either may end first; the other one rules, then the original file is back."""
    said = output_of(
        tmp_path,
        f"""
original = os.dup(1)
files = {{name: opened(name) for name in "ab"}}
both = {{name: output_to(file) for name, file in files.items()}}
for one in both.values():
    one.__enter__()
print("both", flush=True)
both.pop({first!r}).__exit__(None, None, None)
assert same(1, files[{ruling!r}])
print("one", flush=True)
both.pop({ruling!r}).__exit__(None, None, None)
assert same(1, original)
print("none", flush=True)
""",
    )
    assert said == "none\n"
    texts = {name: (tmp_path / name).read_text() for name in "ab"}
    assert texts == ({"a": "", "b": "both\none\n"} if ruling == "b" else {"a": "one\n", "b": "both\n"})


def test_it_comes_back_though_nobody_can_flush(tmp_path: Path) -> None:
    """A pipe that is full, with somebody stuck in a flush of the standard output, does not keep it."""
    said = output_of(
        tmp_path,
        """
import threading
read, write = os.pipe()
os.set_blocking(write, False)
with contextlib.suppress(BlockingIOError):
    while True:
        os.write(write, b"x" * 4096)
os.set_blocking(write, True)
stuck = threading.Thread(target=lambda: print("late", flush=True))
with output_to(write):
    stuck.start()
    # The kernel says which call a thread waits in: write, by its number here or there, to descriptor 1.
    call = None
    while call not in (["1", "0x1"], ["64", "0x1"]):
        with open(f"/proc/self/task/{stuck.native_id}/syscall") as file:
            call = file.read().split()[:2]
    with output_to(write):
        pass
os.write(1, b"back\\n")
while stuck.is_alive():
    os.read(read, 4096)
    stuck.join(0.001)
""",
    )
    assert said == "back\n"


def test_what_is_printed_goes_through_the_gate_and_what_is_written_to_the_file_does_not(
    tmp_path: Path,
) -> None:
    """A rule sees each line of `print` and of `logging` at once, the last rule first; and it knows its descriptor."""
    said = output_of(
        tmp_path,
        """
import logging
print("before")
OUTPUT_GATE.install(has_file=True)
logging.basicConfig(stream=sys.stdout, format="%(message)s")
seen = []
def rule(name):
    def ruled(do, data):
        seen.append(name)
        return do(data.upper() if name == "inner" else data)
    return ruled
assert sys.stdout.fileno() == 1
with OUTPUT_GATE.around(rule("inner")), OUTPUT_GATE.around(rule("outer")):
    logging.warning("logged")
    os.write(1, b"past\\n")
assert seen == ["outer", "inner"]
print("\u00e9", end="", flush=True)
os.write(1, b"\\n")
""",
    )
    assert said == "before\nLOGGED\npast\n\u00e9\n"


def test_what_threads_print_side_by_side_arrives_line_by_line(tmp_path: Path) -> None:
    """No line of one thread comes between another's line and its end: the log of a threaded service stays readable."""
    said = output_of(
        tmp_path,
        """
import threading
OUTPUT_GATE.install(has_file=True)
def often(line):
    for _ in range(500):
        print(line, flush=True)
threads = [threading.Thread(target=often, args=(letter * 40,)) for letter in "abcd"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""",
    )
    assert sorted(said.splitlines()) == sorted(letter * 40 for letter in "abcd" for _ in range(500))


def test_a_gate_without_a_file_says_so(tmp_path: Path) -> None:
    """Who asks for its descriptor learns that there is none, as under a test runner's capture; its bytes arrive whole."""
    said = output_of(
        tmp_path,
        """
import io
OUTPUT_GATE.install(has_file=False)
for asks in (sys.stdout.fileno, sys.stdout.buffer.fileno):
    with contextlib.suppress(io.UnsupportedOperation):
        asks()
        raise AssertionError
assert not sys.stdout.isatty()
assert sys.stdout.buffer.write(memoryview(b"x" * 100_000)) == 100_000
""",
    )
    assert said == "x" * 100_000


def test_a_redirection_that_ends_while_another_begins_leaves_the_original(tmp_path: Path) -> None:
    """Many threads redirect and end at a time; afterwards the original is back, and no descriptor is left."""
    said = output_of(
        tmp_path,
        """
import threading
original = os.dup(1)
descriptors = os.listdir("/proc/self/fd")
def often():
    for _ in range(200):
        with output_to(2):
            pass
threads = [threading.Thread(target=often) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert same(1, original)
assert os.listdir("/proc/self/fd") == descriptors
print("back")
""",
    )
    assert said == "back\n"
