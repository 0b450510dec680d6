"""What the faults of the loop find out within the target's process, and how the judge comes to know of it."""

import sys
import traceback
from collections.abc import Iterable

from harness.history import LOGS, FaultFired, History
from harness.registry import oracle
from harness.verdict import Finding

SAID = "shakeout: "
"""What a fault, or who works for it, writes on the target's standard error begins with this."""

UNLIKE = "shakeout, unlike the first: "
"""The same, of what may come of a fault that stands beside it."""


def report(what: str, error: BaseException | None = None, *, mark: str = SAID) -> None:
    """Write on standard error what the target may not do, with the traceback of what it raised."""
    trace = "".join(traceback.format_exception(error)) if error is not None else ""
    sys.stderr.write(f"{mark}{what}\n{trace}")


@oracle("loop.nothing_reported", witnesses={LOGS})
def nothing_reported(history: History) -> Iterable[Finding]:
    """What was called within the process did all that it may be called for."""
    return _reported(history, SAID)


@oracle("loop.sync_entry.called_alike", witnesses={LOGS})
def called_alike(history: History) -> Iterable[Finding]:
    """What comes of a call of the synchronous entry is of the kind that came of the first.

    It is judged where no other fault fired: under one the entry may refuse now, and answer then.
    """
    fired = {one.fault.partition("#")[0] for one in history.of(FaultFired)}
    return _reported(history, UNLIKE) if fired <= {"loop.sync_entry"} else ()


def _reported(history: History, mark: str) -> Iterable[Finding]:
    """What was written on standard error with that mark."""
    for number, record in enumerate(history.logs):
        lines = record.text.splitlines() if record.source == "stderr" else []
        for said in (line.removeprefix(mark) for line in lines if line.startswith(mark)):
            # The traceback is a record of its own.
            trace = history.logs[number + 1 : number + 2]
            yield Finding(message=said, evidence="\n".join(map(str, (record, *trace))))
