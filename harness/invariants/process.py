"""How a process ended that was asked to: by itself, and well."""

import signal
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

from harness.history import LOGS, PROCESS, History, LogRecord, Outage
from harness.reading import DIED, KILLED, TERMINATED
from harness.registry import invariant
from harness.verdict import Finding

CLEAN = (0, -signal.SIGTERM)
"""A server that gives SIGTERM back to the system when it has finished ends by it (uvicorn does)."""

BEGUN, FINISHED = "Application startup complete.", "Application shutdown complete."
"""What uvicorn says when the start-up of an app's lifespan is over, and its shut-down."""


@invariant("process.survives", witnesses={PROCESS}, of_a_cut_run=True)
def survives(history: History) -> Iterable[Finding]:
    """Nothing that a client, a provider or a store does ends the process: it ends only where somebody ends it."""
    for outage in history.of(Outage):
        if outage.how == DIED:
            last = max(history.exchanges, key=lambda one: one.at_s, default=None)
            yield Finding(
                message=f"the process ended by itself, {_ended_with(outage.exit_code)}",
                evidence=f"the last request: {last}" if last else f"at {outage.at_s:.3f} s",
            )


def _ended_with(code: int | None) -> str:
    """An exit code in words; a negative one is that of a signal."""
    if code is None or code >= 0:
        return f"with exit code {code}"
    with suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"


@invariant("process.exits_cleanly", witnesses={PROCESS})
def exits_cleanly(history: History) -> Iterable[Finding]:
    """A process that is asked to end with SIGTERM ends by itself, with exit code 0 or by that signal.

    Where no exit code is on record, as where there was no process of its own, nothing is said.
    """
    for outage in history.of(Outage):
        if outage.how == TERMINATED and outage.exit_code not in (None, *CLEAN):
            killed = outage.exit_code == -signal.SIGKILL
            yield Finding(
                message="did not end within its grace after SIGTERM, and was killed"
                if killed
                else f"ended with exit code {outage.exit_code} after SIGTERM",
                evidence=f"{outage.fault} at {outage.at_s:.3f}..{outage.ended_s:.3f} s",
            )


@invariant("process.shuts_down", witnesses={PROCESS, LOGS}, promises=("shutdown_logged",))
def shuts_down(history: History) -> Iterable[Finding]:
    """A process that ended cleanly after SIGTERM, and has logged that its app had started, has logged that it is shut down.

    Only who promises it is asked: a log that is written by a thread of its own loses its last lines with the process.
    Lives are told apart by their start-up lines. Where there are more or fewer of them than processes, as with several
    at once, nobody can tell which was whose, and nothing is said; nor is of a server that has no such lines.
    """
    ended = [one for one in history.of(Outage) if one.how in (TERMINATED, KILLED)]
    for lives in _lives(history).values():
        if len(lives) != len(ended) + 1:
            continue
        for outage, life in zip(sorted(ended, key=lambda one: one.at_s), lives, strict=False):
            clean = outage.how == TERMINATED and outage.exit_code in CLEAN
            if clean and not any(FINISHED in record.text for record in life):
                message = f"ended after SIGTERM, and never logged {FINISHED!r}"
                yield Finding(message=message, evidence=str(life[-1]))


def _lives(history: History) -> dict[str, list[list[LogRecord]]]:
    """The lines of each source, one list for each process: from its start-up line to the one before the next."""
    lives: dict[str, list[list[LogRecord]]] = defaultdict(list)
    for record in history.logs:
        if BEGUN in record.text:
            lives[record.source].append([])
        if lives[record.source]:
            lives[record.source][-1].append(record)
    return lives
