"""Each fault of the log's sink mends, beside itself or another, whichever ends first; in a process with its own output."""

import subprocess
import sys
from pathlib import Path

import pytest
from felt_mending import ORDERS, pairs, played

ROOT = Path(__file__).parents[3]
CASE = """
import contextlib, os, threading
from felt_mending import made
from loop_bench import Bench
from harness.faults import logs_pipes

logs_pipes.LEFT_S_MAX = 0.2  # whoever is about to write here does so at once
inside = Bench(None, None)
original = os.dup(1)
descriptors = os.listdir("/proc/self/fd")

def say(text):
    try:
        os.write(1, f"{text}\\n".encode())
    except OSError:
        return False
    return True

def aside(text):
    # Until it is written, or waits: the kernel says which call a thread is in, write by its number here or there.
    thread = threading.Thread(target=say, args=(text,))
    thread.start()
    call = None
    while thread.is_alive() and call not in (["1", "0x1"], ["64", "0x1"]):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread.native_id}/syscall") as file:
            call = file.read().split()[:2]
    return thread.is_alive()

def there(name):
    if name == "logs.full_pipe":
        return aside("lost")
    before = len(inside.noted)
    if say("one"):
        inside.until_fired(before + 1)
    return True

def overlap(names, order):
    held = [made(name).within(inside) for name in names]
    for one in held:
        one.__enter__()
    aside("both")
    held[order[0]].__exit__(None, None, None)
    assert there(names[order[1]]), (names, order)
    held[order[1]].__exit__(None, None, None)
    for thread in threading.enumerate()[1:]:
        thread.join()  # a sink that was slow passes on until the other one has gone
    assert os.path.samestat(os.fstat(1), os.fstat(original)), (names, order)
    assert os.listdir("/proc/self/fd") == descriptors, (names, order)
    inside.noted.clear()
    assert say("heard")
    assert not inside.noted
"""


@pytest.mark.parametrize("name", played("logs"))
def test_two_overlap_and_mend_in_any_order(name: str) -> None:
    """Whichever is left still breaks the output; after both it is the original one, and no thread or descriptor is left."""
    cases = [(pair, order) for pair in pairs(name, "logs") for order in ORDERS]
    script = "".join(f"overlap({pair!r}, {order!r})\n" for pair, order in cases)
    done = subprocess.run(
        [sys.executable, "-c", CASE + script],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.count("heard\n") == len(cases)
