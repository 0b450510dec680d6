"""What the faults of the loop find out within the target's process, and how the judge comes to know of it."""

import sys
import traceback
from collections.abc import Iterable

from harness.history import LOGS, History
from harness.registry import oracle
from harness.verdict import Finding

SAID = "shakeout: "
"""What a fault, or who works for it, writes on the target's standard error begins with this."""


def report(what: str, error: BaseException | None = None) -> None:
    """Write on standard error what the target may not do, with the traceback of what it raised."""
    trace = "".join(traceback.format_exception(error)) if error is not None else ""
    sys.stderr.write(f"{SAID}{what}\n{trace}")


@oracle("loop.nothing_reported", witnesses={LOGS})
def nothing_reported(history: History) -> Iterable[Finding]:
    """What was called within the process did all that it may be called for."""
    for number, record in enumerate(history.logs):
        lines = record.text.splitlines() if record.source == "stderr" else []
        for said in (line.removeprefix(SAID) for line in lines if line.startswith(SAID)):
            # The traceback is a record of its own.
            trace = history.logs[number + 1 : number + 2]
            yield Finding(message=said, evidence="\n".join(map(str, (record, *trace))))
