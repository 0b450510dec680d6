"""The target's log file is rotated while the target writes to it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, check_whole, closed
from harness.history import LOGS, History
from harness.registry import Invariant, fault, oracle
from harness.rig import Rig, Window
from harness.variants import chosen
from harness.verdict import Finding

HOLE = "\0"


@oracle("logs.no_hole", witnesses={LOGS})
def no_hole(history: History) -> Iterable[Finding]:
    """No line begins with a hole, as one does that is written at the old end of a file that was cut to nothing."""
    for record in history.logs:
        if HOLE in record.text:
            yield Finding(
                message="a hole in the log: the file is not open for appending",
                evidence=f"{record.source} log line {record.line}",
            )


@fault("logs.rotation", stages=("live",), needs=("log_file", "process"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsRotation:
    """The log is rotated between two turns: moved away, or (`copied`) copied and cut to nothing.

    Whatever the target makes of it, each line comes out once and whole (makeabilitylabwebsite#1439, danbyte#231): who
    holds on to the file that was moved writes on there, and that is read too. It needs a file of each run's own.
    """

    name: ClassVar[str]
    holds: ClassVar[tuple[Invariant, ...]] = (no_hole,)

    how: str = chosen("moved", "copied")
    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)
        closed(self, "how")

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Rotate on entry; there is nothing to mend.

        Raises:
            UsageError: the target has no log file.
        """
        if rig.logs is None:
            raise UsageError(f"{self.name} needs a log file: name it as log in the profile")
        await rig.logs.rotated(self.name, copied=self.how == "copied")
        yield
