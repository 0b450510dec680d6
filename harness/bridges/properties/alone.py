"""A process of its own for what only a whole process shows: signals, forks, and how it ends.

A part is a function `part(load, note)` at the top of a module; it runs in the main thread of a fresh process, which
ends as any program does when the part returns. The adapter is made when the part says so; what it notes is on disk at
once, so that nothing is lost with it.
"""

import atexit
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.bridges.adapter import Adapter
from harness.bridges.loading import load

ORPHANED_S = 120.0
LINGER_S = 0.2
OVER = "over"
"""Noted when every atexit handler has run that the bridge or a part has registered."""


class Note:
    """Writes events into a file: `note("began")`, `note("value", "7")`."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        # Kept, for the modules are taken down before the last `finally` of a process.
        self._write, self._now = os.write, time.monotonic

    def __call__(self, event: str, detail: str = "") -> None:
        """Note an event of this moment."""
        line = "\t".join([event, f"{self._now():.6f}", " ".join(detail.split())])
        self._write(self._descriptor, f"{line}\n".encode())


Load = Callable[[], Adapter]
Part = Callable[[Load, Note], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: its exit code, None where it had to be killed; when; its stderr, and what it noted."""

    code: int | None
    at: float
    stderr: str
    notes: tuple[tuple[str, float, str], ...]

    def moment(self, event: str) -> float | None:
        """When an event was first noted, on the clock of `time.monotonic`; None where it was not."""
        return next((moment for name, moment, _ in self.notes if name == event), None)

    def details(self, event: str) -> list[str]:
        """What was noted with an event, each time."""
        return [detail for name, _, detail in self.notes if name == event]

    def told(self) -> str:
        """Exit code, notes and the end of stderr, in one line."""
        code = "still running" if self.code is None else f"exit {self.code}"
        noted = ", ".join(f"{name} {detail}".strip() for name, _, detail in self.notes)
        return f"{code}; noted: {noted or 'nothing'}" + (
            f"; stderr: {' '.join(self.stderr.split())[-300:]}" if self.stderr else ""
        )


def alone(part: Part, spec: str, *, limit_s: float) -> Ended:
    """Run a part in a process of its own, for at most `limit_s` seconds from when it is ready.

    Raises:
        RuntimeError: the process did not become ready.
    """
    with tempfile.TemporaryDirectory() as folder:
        notes, errors = Path(folder, "notes"), Path(folder, "stderr")
        command = [sys.executable, "-m", __name__, f"{part.__module__}:{part.__name__}", spec, str(notes)]
        with (
            errors.open("wb") as stderr,
            subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
            ) as child,
        ):
            assert child.stdout is not None
            ready = child.stdout.read(1)
            code = waited(child, limit_s)
            ended_at = time.monotonic()
        if not ready:
            last = (errors.read_text().splitlines() or ["it wrote nothing"])[-1]
            raise RuntimeError(f"the process ended before it was ready: {last}")
        return Ended(code=code, at=ended_at, stderr=errors.read_text(errors="replace"), notes=read(notes))


def waited(child: subprocess.Popen[bytes], limit_s: float) -> int | None:
    """The exit code of a child, None where it had to be killed."""
    try:
        return child.wait(limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
        return None


def read(notes: Path) -> tuple[tuple[str, float, str], ...]:
    """The whole lines of a file of notes."""
    if not notes.exists():
        return ()
    split = (line.split("\t") for line in notes.read_text().splitlines())
    return tuple((name, float(moment), detail) for name, moment, detail in split)


def linger(note: Note) -> None:
    """Note that the bridge's own end is over; threads that it has freed then have a moment to say so."""
    note(OVER)
    time.sleep(LINGER_S)  # nobody could be asked: these threads belong to the bridge


def main(arguments: list[str]) -> list[Adapter]:
    """Become the process of a part: its adapters, for the caller to hold."""
    function, spec, notes = arguments
    # Whoever waits for this process may be killed, and it may hang.
    signal.setitimer(signal.ITIMER_REAL, ORPHANED_S)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module, _, name = function.partition(":")
    part: Part = getattr(importlib.import_module(module), name)
    note, loaded = Note(notes), []
    # Before the bridge can register anything, so that it comes after all of that.
    atexit.register(linger, note)

    def make() -> Adapter:
        loaded.append(load(spec))
        os.write(sys.stdout.fileno(), b"r")
        return loaded[-1]

    part(make, note)
    return loaded


if __name__ == "__main__":
    # As a program holds its bridge, in a module: it is let go of when modules are taken down, and not before.
    held = main(sys.argv[1:])
