"""What a call from sync into async code costs, ours and every installed peer's, side by side in one run.

Each bridge has a process of its own, kept alive for the run; batches are shuffled in rounds, so that a machine that
slows down slows all. Every figure that is held is a ratio inside of a round. Exit 1 where a target is missed.
"""

import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from bridge_report import Cells, report

from harness.bridges.peers import PEERS

OURS = {
    "shakeout": "reference_app.conformance:Shakeout",
    "shakeout-block": "reference_app.conformance:ShakeoutBlock",
    "shakeout-fallback": "reference_app.conformance:ShakeoutFallback",
}
FLOORS = "floor"
ROUNDS = int(os.environ.get("ROUNDS", "15"))
BATCH_S = float(os.environ.get("BATCH_S", "0.02"))
THREADS_BATCH_S = 12 * BATCH_S
"""Threads take turns of several milliseconds: fewer rounds have them, and these last longer."""
THREADS_EVERY = 3
ANSWER_S_MAX = 30.0
"""A bridge that does not answer for so long hangs, and is out."""


class Row:
    """A bridge's process, as this one sees it."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self.process = process
        self.measures: list[str] = []

    def heard(self) -> Any:
        """Its next line; EOFError where it hangs or has ended."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_S_MAX)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            self.measures = []
            raise EOFError
        return json.loads(line)

    def measure(self, what: str) -> dict[str, Any]:
        """One batch."""
        assert self.process.stdin is not None
        seconds = THREADS_BATCH_S if what == "threads" else BATCH_S
        try:
            self.process.stdin.write(json.dumps([what, seconds]) + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = self.heard()
        except (BrokenPipeError, EOFError):
            return {"error": f"ended, or gave no answer in {ANSWER_S_MAX:.0f} s"}
        return answer


@contextmanager
def started(name: str, spec: str) -> Iterator[Row]:
    """A bridge's process, until the block ends."""
    path = f"{Path.cwd()}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "bridge_row.py"), spec],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield Row(name, process)
        finally:
            process.kill()


def measured(rows: list[Row], shuffling: random.Random) -> Cells:
    """All batches of all rounds, by measure and row."""
    cells: Cells = {}
    for number in range(ROUNDS):
        batches = [(row, what) for row in rows for what in row.measures]
        shuffling.shuffle(batches)
        for row, what in batches:
            if (what == "threads" and number % THREADS_EVERY) or what not in row.measures:
                continue
            answer = row.measure(what)
            cells.setdefault(what, {}).setdefault(row.name, []).append(answer)
            if "error" in answer and what in row.measures:
                row.measures.remove(what)
    return cells


def main() -> int:
    """Measure, print, and hold the ratios to their targets."""
    began = time.monotonic()
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    specs = OURS | PEERS | {FLOORS: ""}
    missing, silent = [], []
    with ExitStack() as stack:
        rows = [stack.enter_context(started(name, spec)) for name, spec in specs.items()]
        for row in rows:
            try:
                row.measures = row.heard() or []
            except EOFError:
                silent.append(row.name)
            else:
                missing += [] if row.measures else [row.name]
        cells = measured(rows, random.Random(seed))
    lines, kept = report(cells, ours=list(OURS), missing=missing, silent=silent)
    lines.append(f"{ROUNDS} rounds of {BATCH_S * 1e3:.0f} ms, seed {seed}, {time.monotonic() - began:.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
