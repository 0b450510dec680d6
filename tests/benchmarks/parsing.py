"""How fast logs are read, in MB a minute of one processor: each format by itself, and mixed as services mix them.

Logs are made from a seed, so each run reads the same ones. Records come from a file, as `harness.logs.read` gives them.
Rounds are interleaved and the median counts; time is the processor's, since others slow the wall clock. Beside it
stands what `json.loads` alone needs for the lines of JSON in the same round. The last lines say how much memory the
reading of a short and of a long file took at most, each in a process of its own. Exit 1 below the floor, or where
memory grows with the file.
"""

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from harness.logs import read  # noqa: E402  # found by the line above
from tests.fuzz.corpus import FORMATS, mixed  # noqa: E402  # the same

ROUNDS = int(os.environ.get("ROUNDS", "3"))
BYTES = int(float(os.environ.get("MEGABYTES", "2")) * 1e6)
LONG_BYTES = int(float(os.environ.get("LONG_MEGABYTES", "200")) * 1e6)
MIXED_MB_A_MINUTE_MIN = 100.0
MEMORY_GROWS_MB_MAX = 30.0
MIXED = "mixed"


def written(folder: Path, name: str) -> Path:
    """A log of one format, or mixed, of about so many bytes."""
    choice = random.Random(7)
    make = FORMATS.get(name, mixed)
    path = folder / f"{name}.log"
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < BYTES:
            file.write("".join(make(choice) + "\n" for _ in range(100)))
    return path


def reading_s(path: Path) -> float:
    """Seconds of the processor to read all records of a file."""
    before = time.process_time()
    count = sum(1 for _ in read(path))
    took_s = time.process_time() - before
    assert count > 0
    return took_s


def loading_s(path: Path) -> float:
    """Seconds of the processor for `json.loads` of each line, read as text."""
    before = time.process_time()
    with path.open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - before


def memory_mb(path: Path) -> float:
    """The most memory that a process held which read the file, in MB."""
    answer = subprocess.run(
        [sys.executable, __file__, "--memory", str(path)], capture_output=True, text=True, check=True
    )
    return float(answer.stdout)


def longer(path: Path) -> Path:
    """The same log over and over, up to the length of a long one."""
    text = path.read_bytes()
    long = path.with_suffix(".long")
    with long.open("wb") as file:
        for _ in range(max(1, LONG_BYTES // len(text))):
            file.write(text)
    return long


def say(line: str) -> None:
    """One line of the report, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def speeds(paths: dict[str, Path]) -> float:
    """Measure and tell each format; the figure of the mixed log."""
    taken: dict[str, list[float]] = {name: [] for name in (*paths, "json.loads")}
    for _ in range(ROUNDS):
        for name, path in paths.items():
            taken[name].append(reading_s(path))
        taken["json.loads"].append(loading_s(paths["json"]))
    rates = {
        name: paths.get(name, paths["json"]).stat().st_size / 1e6 / statistics.median(times) * 60
        for name, times in taken.items()
    }
    for name, rate in rates.items():
        say(f"{name:15} {rate:8.0f} MB/min")
    ratio = statistics.median(a / b for a, b in zip(taken["json"], taken["json.loads"], strict=True))
    say(f"a line of JSON takes {ratio:.2f} times as long as json.loads alone")
    return rates[MIXED]


def main() -> int:
    """Measure, tell, and judge."""
    if sys.argv[1:2] == ["--memory"]:
        reading_s(Path(sys.argv[2]))
        say(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: written(Path(folder), name) for name in (*FORMATS, MIXED)}
        rate = speeds(paths)
        long = longer(paths[MIXED])
        held_mb = [memory_mb(path) for path in (paths[MIXED], long)]
        say(f"held at most {held_mb[0]:.0f} MB for a short file, {held_mb[1]:.0f} MB for a long one")
    missed = [f"mixed: {rate:.0f} MB/min, {MIXED_MB_A_MINUTE_MIN:.0f} wanted"] * (
        rate < MIXED_MB_A_MINUTE_MIN
    )
    grown_mb = held_mb[1] - held_mb[0]
    missed += [f"memory grew by {grown_mb:.0f} MB with the file"] * (grown_mb > MEMORY_GROWS_MB_MAX)
    say("\n".join(missed) or "every floor is kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
