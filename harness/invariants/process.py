"""How a process ended that was asked to: by itself, and well."""

import signal
from collections.abc import Iterable

from harness.history import PROCESS, History, Outage
from harness.invariants.reading import TERMINATED
from harness.registry import invariant
from harness.verdict import Finding

CLEAN = (0, -signal.SIGTERM)
"""A server that gives SIGTERM back to the system when it has finished ends by it (uvicorn does)."""


@invariant("process.exits_cleanly", witnesses={PROCESS})
def exits_cleanly(history: History) -> Iterable[Finding]:
    """A process that is asked to end with SIGTERM ends by itself, with exit code 0 or by that signal.

    Where no exit code is on record, as where there was no process of its own, nothing is said.
    """
    for outage in history.of(Outage):
        if outage.how == TERMINATED and outage.exit_code not in (None, *CLEAN):
            yield Finding(
                message=f"ended with exit code {outage.exit_code} after SIGTERM",
                evidence=f"{outage.fault} at {outage.at_s:.3f}..{outage.ended_s:.3f} s",
            )
