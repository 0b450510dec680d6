"""The file that the target writes its log to, as the system's own tools handle it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, check_whole, closed
from harness.faults.logs_holds import whole_lines
from harness.registry import Invariant, fault
from harness.rig import Rig, Window
from harness.variants import chosen


@fault("logs.rotation", stages=("live",), because="a simulated run writes no file", needs=("log_file",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsRotation:
    """The log file is rotated while the target writes to it (makeabilitylabwebsite#1439, danbyte#231).

    `how` is `rename` (moved away and made anew, logrotate's create) or `truncate` (copied and cut off, copytruncate),
    both at the beginning of the window's first step, when no turn is under way. No line may be lost or torn: one that
    goes to the file that was moved away is not lost, whoever goes on there instead of opening the new one.
    """

    name: ClassVar[str]
    holds: ClassVar[tuple[Invariant, ...]] = (whole_lines,)

    how: str = chosen("rename", "truncate")
    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)
        closed(self, "how")

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Rotate on entry; the parts are put together when the target has ended.

        Raises:
            UsageError: the harness does not know the target's log file.
        """
        if rig.log is None:
            raise UsageError(
                f"{self.name} needs the file that the target writes its log to: name it (log =), play it live"
            )
        return rig.log.rotated(self.name, how=self.how)
