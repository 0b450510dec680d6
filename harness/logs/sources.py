"""The bytes of a log: of a file, packed by gzip or not, or of one that is still written."""

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from harness.errors import UsageError
from harness.logs.text import bom

BLOCK_BYTES = 2**18
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_HEAD_BYTES = 8
_CONTROLS = bytes(code for code in (*range(1, 32), 127) if code not in b"\a\b\t\n\v\f\r\x1b")
_REASONS = {
    errno.ENOENT: "there is no such file; give the path of a log, or /dev/stdin",
    errno.EISDIR: "it is a directory; give the path of one log",
    errno.EACCES: "it may not be read by this user; copy it to where it may",
}

_KINDS = (
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)


def _opened(path: Path) -> BufferedReader:
    """The file, open to be read.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UsageError:
    """The error as one line with a remedy."""
    number = error.errno or 0
    return UsageError(f"{path}: {_REASONS.get(number, f'it cannot be read ({error.strerror or error})')}")


class Source:
    """The blocks of a file, unpacked; a packed one that breaks off ends where it does, and `doubts` says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.doubts: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[bytes]:
        """Read it once, from its beginning.

        Raises:
            UsageError: it cannot be read, or is packed by something else than gzip.
        """
        self.doubts = ()
        with _opened(self._path) as file:
            packed = _packed(file)
            if packed not in ("", "gzip"):
                raise UsageError(
                    f"{self._path}: it is packed by {packed}; unpack it first, or pack it by gzip"
                )
            yield from self._unpacked(file) if packed else self._plain(file)

    def _plain(self, file: BufferedReader) -> Iterator[bytes]:
        try:
            while block := file.read(BLOCK_BYTES):
                yield block
        except OSError as error:
            raise _unreadable(self._path, error) from None

    def _unpacked(self, file: BufferedReader) -> Iterator[bytes]:
        """By single reads, so that what comes before a damaged place is not lost."""
        with gzip.GzipFile(fileobj=file) as unpacked:
            try:
                while block := unpacked.read1(BLOCK_BYTES):
                    yield block
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.doubts = (f"the packed file is damaged, and what follows was not read: {error}",)
            except OSError as error:
                raise _unreadable(self._path, error) from None


def _packed(file: BufferedReader) -> str:
    """What the file is packed by; empty where it is not."""
    head = file.peek(_HEAD_BYTES)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def grows(path: Path) -> None:
    """Whether the file may be followed; a pipe is not even opened, for that could wait for ever.

    Raises:
        UsageError: there is none, it cannot be read, it is packed, or it is no regular file.
    """
    if (kind := _kind(path)) is not None:
        raise UsageError(f"{path}: it is a {kind}; give a file, or leave --follow out")
    with _opened(path) as file:
        packed = _packed(file)
    if packed:
        raise UsageError(
            f"{path}: it is packed by {packed}, so it does not grow; read it without following it"
        )


def checked(path: Path, block: bytes) -> None:
    """Whether a file that begins with this block is text.

    Raises:
        UsageError: zero bytes make up a third of it, or other control characters a twentieth of the rest: it is none.
    """
    mark, _ = bom(block)
    zeros = block.count(0)
    controls = len(block) - len(block.translate(None, _CONTROLS))
    is_binary = zeros * 3 >= len(block) or controls * 20 >= len(block) - zeros
    if is_binary and not mark.startswith((b"\xff", b"\xfe", b"\0")):
        raise UsageError(f"{path}: it is no text; give the log as text, in UTF-16 with its byte order mark")


def _kind(path: Path) -> str | None:
    """What it is that can be read and is no file; None for a file, and for what is told by opening it."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return next((name for holds, name in _KINDS if holds(mode)), None)


def is_regular(path: Path) -> bool:
    """Whether it can be read more than once; also where there is none, for that is told by opening it."""
    try:
        return not stat.S_ISFIFO(path.stat().st_mode) and not stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return True


def followed(path: Path, wait: Callable[[], bool]) -> Iterator[bytes | None]:
    """The blocks of a file that grows: nothing (`b""`) where it has no more for now, None where another takes its place.

    Between two looks it calls `wait`, and ends where that says no. A file that was renamed is read to its end before
    the one that has its name now. One that was cut is read from its beginning; where it has grown beyond its old
    length by the next look, that cannot be seen.
    """
    file = _opened(path)
    try:
        while True:
            while block := file.read(BLOCK_BYTES):
                yield block
            successor = _successor(path, file)
            if successor is None:
                yield b""
                if not wait():
                    return
                continue
            try:
                # What was written between the last look and the change of names.
                while block := file.read(BLOCK_BYTES):
                    yield block
            finally:
                # Also where nobody reads on, so that the successor is the one that is closed last.
                file.close()
                file = successor
            yield None
    finally:
        file.close()


def _successor(path: Path, file: BufferedReader) -> BufferedReader | None:
    """The file that took the place of the open one, or that itself where it was cut; None where it may still grow."""
    try:
        now, own = path.stat(), os.fstat(file.fileno())
        same = (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino)
        return None if same and now.st_size >= file.tell() else path.open("rb")
    except OSError:
        # Between two names there is none; the next look finds it.
        return None
