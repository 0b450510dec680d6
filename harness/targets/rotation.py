"""The rotation of a target's log file while the target writes to it, as `logrotate` does it (`harness.rig.LogSeam`)."""

import asyncio
import shutil
from pathlib import Path

from harness.errors import InvalidRun
from harness.targets.driven import Recorder

POLL_S = 0.005
GROWN_S_MAX = 5.0
"""So long it is waited for the target to write its first line."""


def moved_aside(log: Path) -> tuple[Path, ...]:
    """What was moved aside of a log, the oldest first."""
    return tuple(sorted(log.parent.glob(f"{log.name}.[0-9]*")))


class Rotation:
    """Rotates one file."""

    def __init__(self, log: Path, recorder: Recorder) -> None:
        self._log = log
        self._recorder = recorder

    async def rotated(self, fault: str, *, copied: bool) -> None:
        """Move it aside and make it anew, or copy it aside and cut it to nothing; once there is something in it.

        Raises:
            InvalidRun: the target writes nothing there.
        """
        try:
            async with asyncio.timeout(GROWN_S_MAX):
                while not self._log.exists() or not self._log.stat().st_size:  # noqa: ASYNC110  # another process writes: no event
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise InvalidRun(
                f"{fault}: nothing was written to {self._log.name}; mend log of the profile"
            ) from None
        aside = self._log.with_name(f"{self._log.name}.{len(moved_aside(self._log)):04d}")
        size = self._log.stat().st_size
        if copied:
            # Between the two a line may be lost: that is how `copytruncate` is, and nothing is written just now.
            shutil.copyfile(self._log, aside)
            with self._log.open("r+b") as file:
                file.truncate(0)
        else:
            self._log.rename(aside)
            self._log.touch()
        self._recorder.fired(fault, f"rotated after {size} bytes")
