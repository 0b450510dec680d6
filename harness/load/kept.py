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
LOG = "load-"
"""How the name of a log that is kept begins."""


class Kept:
    """The folder of one run; what was written of a run that broke off stays there.

    What an earlier run has left is replaced with the first frame, so that a run which sends nothing costs nothing. `lost`
    says why it could not be written to the end, where it could not: the run goes on, and has its verdict.
    """

    def __init__(self, folder: Path, logs: Mapping[str, Path]) -> None:
        self.lost = ""
        self._folder = folder
        self._logs = logs
        self._stream: BinaryIO | None = None
        self._copied: list[str] = []

    @classmethod
    @contextmanager
    def opened(cls, folder: Path | None, logs: Mapping[str, Path]) -> Iterator["Kept | None"]:
        """The folder, which is made; None where nothing is to be kept. `logs` are the target's, by source.

        Raises:
            InvalidRun: it cannot be made.
        """
        if folder is None:
            yield None
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRun(_lost(folder, error)) from error
        kept = cls(folder, logs)
        try:
            yield kept
        finally:
            if kept._stream is not None:
                kept._stream.close()

    def frame(self, frame: Frame) -> None:
        """Write a frame down."""
        if self._stream is None:
            self._noting(self._begin)
        self._noting(partial(self._write, frame.line()))

    def logs(self) -> None:
        """Copy the logs as `load-SOURCE.log`; what a run that broke off did not write is not there."""
        for path, place in self._places():
            if self._stream is not None and path.exists():
                self._noting(partial(self._keep, path, place))

    def _keep(self, path: Path, place: Path) -> None:
        """Copy a log, and list it."""
        _copy(path, place)
        self._copied.append(place.name)

    def told(self, model: str, reasons: Sequence[str]) -> None:
        """Write down that the run came to its end, how requests were made, and why it cannot be trusted, if so."""
        if self._stream is None:
            return
        text = orjson.dumps(
            {"schema": SCHEMA, "model": model, "reasons": reasons, "logs": sorted(self._copied)}
        )
        self._noting(partial((self._folder / TOLD).write_bytes, text))

    def _places(self) -> Iterator[tuple[Path, Path]]:
        """Each log with the place where it is kept; one that is written there by the service itself is left alone."""
        for source, path in self._logs.items():
            place = self._folder / f"{LOG}{source}{path.suffix}"
            if not _same(path, place):
                yield path, place

    def _begin(self) -> None:
        """Replace what an earlier run has left: its frames, the logs that it lists, and what is called as those of this run.

        Where the frames cannot be written nothing is removed.
        """
        earlier = [*_kept_logs(self._folder), *(place for _, place in self._places())]
        self._stream = (self._folder / FRAMES).open("wb", buffering=0)
        (self._folder / TOLD).unlink(missing_ok=True)
        for place in earlier:
            if place.is_file() and not any(_same(path, place) for path in self._logs.values()):
                place.unlink()

    def _write(self, line: bytes) -> None:
        """All of a line: what is not buffered may be written in pieces."""
        left = memoryview(line)
        while left and self._stream is not None:
            left = left[self._stream.write(left) :]

    def _noting(self, write: Callable[[], object]) -> None:
        """Write, and note what goes wrong first; nothing is written behind a gap."""
        try:
            if not self.lost:
                write()
        except OSError as error:
            self.lost = _lost(self._folder, error)


def _kept_logs(folder: Path) -> list[Path]:
    """The logs that an earlier run says it has kept here."""
    try:
        names = map(str, orjson.loads((folder / TOLD).read_bytes())["logs"])
        ours = [name for name in names if name.startswith(LOG) and Path(name).name == name]
        return [folder / name for name in ours if name not in (FRAMES, TOLD)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _same(path: Path, place: Path) -> bool:
    """Whether both are one file; what is not there, maybe since just now, is none."""
    try:
        return path.samefile(place)
    except OSError:
        return False


def _copy(path: Path, place: Path) -> None:
    """Copy all of a file, or leave nothing."""
    try:
        shutil.copyfile(path, place)
    except OSError:
        place.unlink(missing_ok=True)
        raise


def _lost(folder: Path, error: OSError) -> str:
    return f"{folder}: {error.strerror}; the evidence was not kept, run it again"
