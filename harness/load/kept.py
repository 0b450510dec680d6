"""The evidence of a run, kept in a folder: its frames as they come; the service's log and what it was when it has ended."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import orjson

from harness.errors import InvalidRun
from harness.load.frames import Frame

FRAMES = "load-frames.jsonl"
TOLD = "load-run.json"
SCHEMA = 1


class Kept:
    """The folder of one run; what was written of a run that broke off stays there.

    `lost` says why it could not be written to the end, where it could not: the run goes on, and has its verdict.
    """

    def __init__(self, folder: Path, stream: BinaryIO) -> None:
        self.lost = ""
        self._folder = folder
        self._stream = stream

    @classmethod
    @contextmanager
    def opened(cls, folder: Path | None, logs: Mapping[str, Path]) -> Iterator["Kept | None"]:
        """The folder, which is made, without what an earlier run has left there; None where nothing is to be kept.

        `logs` are those that will be kept when the run has ended, by source.

        Raises:
            InvalidRun: it cannot be written.
        """
        if folder is None:
            yield None
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in (folder / TOLD, *(_place(folder, *log) for log in logs.items())):
                old.unlink(missing_ok=True)
            stream = (folder / FRAMES).open("wb", buffering=0)
        except OSError as error:
            raise InvalidRun(_lost(folder, error)) from error
        with stream:
            yield cls(folder, stream)

    def frame(self, frame: Frame) -> None:
        """Write a frame down."""
        self._noting(partial(self._write, frame.line()))

    def logs(self, paths: Mapping[str, Path]) -> None:
        """Copy the logs as `load-SOURCE.log`; what a run that broke off did not write is not there."""
        for source, path in paths.items():
            if path.exists():
                self._noting(partial(_copy, path, _place(self._folder, source, path)))

    def told(self, model: str, reasons: Sequence[str]) -> None:
        """Write down that the run came to its end, how requests were made, and why it cannot be trusted, if so."""
        text = orjson.dumps({"schema": SCHEMA, "model": model, "reasons": reasons})
        self._noting(partial((self._folder / TOLD).write_bytes, text))

    def _write(self, line: bytes) -> None:
        """All of a line: what is not buffered may be written in pieces."""
        left = memoryview(line)
        while left:
            left = left[self._stream.write(left) :]

    def _noting(self, write: Callable[[], object]) -> None:
        """Write, and note what goes wrong first; nothing is written behind a gap."""
        try:
            if not self.lost:
                write()
        except OSError as error:
            self.lost = _lost(self._folder, error)


def _place(folder: Path, source: str, path: Path) -> Path:
    """Where the log of a source is kept."""
    return folder / f"load-{source}{path.suffix}"


def _copy(path: Path, place: Path) -> None:
    """Copy all of a file, or leave nothing."""
    try:
        shutil.copyfile(path, place)
    except OSError:
        place.unlink(missing_ok=True)
        raise


def _lost(folder: Path, error: OSError) -> str:
    return f"{folder}: {error.strerror}; the evidence was not kept, run it again"
