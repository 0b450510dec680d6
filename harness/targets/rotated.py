"""The log file of a target, rotated while the target writes to it, and put together again when it has ended."""

import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harness.targets.driven import Recorder
from harness.targets.logged import named, written_before
from harness.targets.profile import Profile

RENAME = "rename"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rotation:
    """One rotation: how and for whom it was done and when, and where the lines before it are, from byte to byte."""

    fault: str
    how: str
    at: float
    part: Path
    begin: int
    end: int


class LogFile:
    """The log of a live run (`harness.rig.LogSeam`): the file that the profile names.

    Nobody writes within `still`, where the target can be stopped. The lines before a rotation are in a file beside it until the target has ended; then `joined` puts all together.
    """

    def __init__(
        self,
        profile: Profile,
        directory: Path,
        recorder: Recorder,
        *,
        still: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._path = named(profile, directory)
        self._recorder = recorder
        self._still = still
        self._since = written_before(profile, directory)
        self._done: list[_Rotation] = []

    @asynccontextmanager
    async def rotated(self, fault: str, *, how: str) -> AsyncIterator[None]:
        """Rotate it on entry: `rename` moves it away and makes it anew, anything else copies it and cuts it off.

        It has fired where the target had written lines before, in this run, and writes some after.
        """
        if self._path.exists():
            part = self._path.with_name(f"{self._path.name}.shakeout-{secrets.token_hex(4)}")
            if how == RENAME:
                end = _moved(self._path, part)
            else:
                with self._still():  # what is written between the copy and the cut would be lost
                    end = _cut(self._path, part)
            begin = 0 if self._done else self._since
            rotation = _Rotation(fault=fault, how=how, at=time.monotonic(), part=part, begin=begin, end=end)
            self._done.append(rotation)
        yield

    def joined(self) -> None:
        """Make one file of the parts, in their order, now that nobody writes to them; note which rotations fired."""
        if not self._done:
            return
        paths = [*(one.part for one in self._done), self._path]
        self._path.touch()  # where the target has removed it itself, it is an empty one
        sizes = [path.stat().st_size for path in paths]
        for number, one in enumerate(self._done):
            after = sum(sizes[number:]) - one.end
            if one.end > one.begin and after > 0:
                detail = f"{one.how}: {one.end - one.begin} bytes before it, {after} after"
                self._recorder.fired(one.fault, detail, at=one.at)
        with paths[0].open("r+b") as whole:
            for path in paths[1:]:
                whole.seek(0, os.SEEK_END)
                whole.write(path.read_bytes())
        paths[0].replace(self._path)
        for path in paths[1:-1]:
            path.unlink()
        self._done.clear()


def _moved(path: Path, part: Path) -> int:
    """Move a file away and make an empty one of the same mode in its place (logrotate's create); how large it was."""
    mode = path.stat().st_mode
    path.rename(part)
    path.touch()
    path.chmod(mode)
    return part.stat().st_size


def _cut(path: Path, part: Path) -> int:
    """Copy a file and cut it off (logrotate's copytruncate), with no more than a moment in between; how large it was."""
    with path.open("r+b") as file, part.open("wb") as copy:
        shutil.copymode(path, part)
        while copy.tell() < os.fstat(file.fileno()).st_size:
            shutil.copyfileobj(file, copy)
        file.truncate(0)
        return copy.tell()
