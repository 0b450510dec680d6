"""Reading a log file of any length: its records one by one, and beside them what was counted and what is doubtful."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.history import LogRecord
from harness.logs.clock import Clock
from harness.logs.lines import plain
from harness.logs.parser import Parser
from harness.logs.sources import Source, checked, followed, grows, is_regular
from harness.logs.templates import Template, Templates, template
from harness.logs.text import LINE_CHARS_MAX, Lines


class Reading:
    """The records of one log, in order; each iteration reads it anew. Memory does not grow with the log.

    What is counted is true of what was read so far: `lines`, `bytes` (unpacked), `records`, and of these the `unknown`,
    which have no event and are no traceback.
    """

    def __init__(self, path: Path, blocks: Iterable[bytes | None], *, source: str = "app") -> None:
        self.path = path
        self._blocks = blocks
        self._source = source
        self._begin()

    @property
    def lines(self) -> int:
        """The lines that ended so far."""
        return self._lines_before + self._lines.count

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates of the unknown records, the commonest first; their number is bounded."""
        return self._templates.commonest()

    @property
    def rest(self) -> int:
        """How many unknown records are counted by none of the templates."""
        return self._templates.rest

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the log may not say what happened: one line each."""
        doubts = [*self._before, *self._of_lines(), *self._clock.doubts()]
        if self._hole_bytes:
            doubts.append(f"zero bytes in front, left by a cut while the log was written: {self._hole_bytes}")
        return (*doubts, *getattr(self._blocks, "doubts", ()))

    def __iter__(self) -> Iterator[LogRecord]:
        """Read the log.

        Raises:
            UsageError: it is empty, no text, or cannot be read.
        """
        self._begin()
        for block in self._blocks:
            if block is None:
                yield from self._ended()
                self._renew()
            elif block:
                yield from self._read(self._text(block))
            else:
                yield from self._noted(self._parser.end())
        yield from self._ended()
        if self.lines == 0:
            raise UsageError(f"{self.path}: it is empty; give a log that has lines")

    def _begin(self) -> None:
        self.bytes = self.records = self.unknown = 0
        self._lines_before = self._hole_bytes = 0
        self._before: list[str] = []
        self._clock = Clock()
        self._templates = Templates()
        self._lines = Lines()
        self._parser = Parser(source=self._source)
        self._fresh = True

    def _renew(self) -> None:
        """Another file took the place of the one that was read."""
        self._before += self._of_lines()
        self._lines_before += self._lines.count
        self._lines = Lines()
        self._fresh = True

    def _text(self, block: bytes) -> bytes:
        """The block; zero bytes at the beginning of a file are a hole that its writer left."""
        if self._fresh:
            text = block.lstrip(b"\0") if block.startswith(b"\0\0\0\0") else block
            self._hole_bytes += len(block) - len(text)
            block = text
            if block:
                checked(self.path, block)
                self._fresh = False
        self.bytes += len(block)
        return block

    def _read(self, block: bytes) -> Iterator[LogRecord]:
        feed = self._parser.feed
        for number, line in self._lines.feed(block):
            if (record := feed(number, line)) is not None:
                yield from self._noted(record)

    def _ended(self) -> Iterator[LogRecord]:
        """The records that the end of the file ends."""
        for number, line in self._lines.feed(b"", final=True):
            yield from self._noted(self._parser.feed(number, line))
        yield from self._noted(self._parser.end())

    def _noted(self, record: LogRecord | None) -> Iterator[LogRecord]:
        """Count the record, where there is one."""
        if record is None:
            return
        self.records += 1
        if record.timestamp is not None:
            self._clock.note(record.timestamp, record.line)
        if record.event is None and "exception" not in record.fields:
            self.unknown += 1
            self._templates.add(template(plain(record.text)), record.line)
        yield record

    def _of_lines(self) -> tuple[str, ...]:
        """What is doubtful of the lines themselves."""
        lines, doubts = self._lines, []
        if lines.replaced:
            doubts.append(
                f"bytes that are no {lines.encoding}, read as replacement characters: {lines.replaced}"
            )
        if lines.cut:
            doubts.append(
                f"lines of more than {LINE_CHARS_MAX} characters, cut into records: {lines.cut}, first line {lines.first_cut}"
            )
        return tuple(doubts)


def read(path: Path | str, *, source: str = "app") -> Reading:
    """The log in a file, which may be packed by gzip, and of UTF-8, or of UTF-16 with its byte order mark.

    `source` is what a line is that is no access line. A pipe can be read once.

    Raises:
        UsageError: it is empty, no text, or cannot be read; of a pipe, that is told when it is read.
    """
    path = Path(path)
    reading = Reading(path, Source(path), source=source)
    if is_regular(path):
        next(iter(reading), None)
        return Reading(path, Source(path), source=source)
    return reading


class _Followed:
    """A file that grows, from its beginning each time."""

    def __init__(self, path: Path, wait: Callable[[], bool]) -> None:
        self._path = path
        self._wait = wait

    def __iter__(self) -> Iterator[bytes | None]:
        return followed(self._path, self._wait)


def follow(path: Path | str, *, wait: Callable[[], bool], source: str = "app") -> Reading:
    """The log in a file that is still written: all that it holds, and what is added, also after rotation and truncation.

    Where there is no more for now, what was read is given, but for a line that has not ended, and `wait` is called; it
    says whether to look again. What is written over several lines with a pause between them may be two records.

    Raises:
        UsageError: there is no such file, it cannot be read, it is packed, or it is a pipe or the like.
    """
    grows(Path(path))
    return Reading(Path(path), _Followed(Path(path), wait), source=source)
