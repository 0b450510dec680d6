"""The evidence of a run, kept in a folder: its frames as they come, and the service's log when it has ended."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import InvalidRun
from harness.load.frames import Frame

FRAMES = "load-frames.jsonl"


class Kept:
    """The folder of one run; what was written of a run that broke off stays there."""

    def __init__(self, folder: Path, stream: BinaryIO) -> None:
        self._folder = folder
        self._stream = stream

    @classmethod
    @contextmanager
    def opened(cls, folder: Path | None) -> Iterator["Kept | None"]:
        """The folder, which is made; None where nothing is to be kept.

        Raises:
            InvalidRun: it cannot be written.
        """
        if folder is None:
            yield None
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = (folder / FRAMES).open("wb")
        except OSError as error:
            raise _lost(folder, error) from error
        with stream:
            yield cls(folder, stream)

    def frame(self, frame: Frame) -> None:
        """Write a frame down.

        Raises:
            InvalidRun: there is no room for it.
        """
        try:
            self._stream.write(frame.line())
            self._stream.flush()
        except OSError as error:
            raise _lost(self._folder, error) from error

    def logs(self, paths: Mapping[str, Path]) -> None:
        """Copy the logs as `load-SOURCE.log`; what a run that broke off did not write is not there.

        Raises:
            InvalidRun: there is no room for them.
        """
        try:
            for source, path in paths.items():
                if path.exists():
                    shutil.copyfile(path, self._folder / f"load-{source}{path.suffix}")
        except OSError as error:
            raise _lost(self._folder, error) from error


def _lost(folder: Path, error: OSError) -> InvalidRun:
    return InvalidRun(f"{folder}: {error.strerror}; the evidence was not kept, run it again")
