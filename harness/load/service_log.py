"""Reads the service's log while a load goes on, on the host that it is written on, and holds it to what was sent."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from harness.errors import InvalidRun
from harness.gates.agreement import Agreement
from harness.gates.service_log import LogCell
from harness.history import Contract, LogRecord
from harness.logs import seconds
from harness.logs.parser import Parser
from harness.logs.text import Lines

ZONE_S = 900.0
"""Every zone is so many seconds from any other, or a multiple: of a line that was just written its zone does not matter."""
SEEN_BYTES = 64
"""By so many bytes it is seen whether a file was truncated and has grown again since."""

AGE_S_MAX = 60.0
"""A line that looks older was stamped by another clock."""

Place = Callable[[float | None], str]
"""The phase in which a line was written so many seconds ago; of one that does not tell, that of the frame."""


Answer = tuple[int, int, str]
"""The number of a request, its status, and the phase in which it was due."""


@dataclass(slots=True)
class _Tail:
    """One file that grows: what was read of it, and the record that may still go on.

    One that is truncated is read from its beginning again, and of one that is put away what was still written to it, then
    the one that came in its place.
    """

    path: Path
    parser: Parser
    skipped: bool
    lines: Lines = field(default_factory=Lines)
    _stream: BinaryIO | None = None
    _seen: bytes = b""

    def __post_init__(self) -> None:
        """Open it, if it is there; what stands in it already may be from before the run."""
        self._open()
        if self._stream is not None and self.skipped:
            self._stream.seek(0, os.SEEK_END)

    def read(self, *, final: bool) -> list[LogRecord]:
        """The records that were ended since the last time; at the end, all."""
        block = self._grown()
        if self._replaced():
            self._open()
            block += self._grown()
        fed = [self.parser.feed(number, line) for number, line in self.lines.feed(block, final=final)]
        return [record for record in (*fed, self.parser.end() if final else None) if record is not None]

    def _grown(self) -> bytes:
        """What was written to the open file since the last time."""
        if self._stream is None:
            return b""
        # What is not behind what was read before is another text, however long it is by now.
        at = self._stream.tell()
        if os.pread(self._stream.fileno(), len(self._seen), at - len(self._seen)) != self._seen:
            self._stream.seek(0)
        block = self._stream.read()
        self._seen = (self._seen + block)[-SEEN_BYTES:] if block else self._seen
        return block

    def _replaced(self) -> bool:
        """Whether another file than the open one has the path now."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return self._stream is None or not os.path.samestat(now, os.fstat(self._stream.fileno()))

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> None:
        self.close()
        self._seen = b""
        try:
            self._stream = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise InvalidRun(
                f"{self.path}: {error.strerror}; the log of a load has to be readable"
            ) from error


class ServiceLog:
    """The logs of one service, by source. With `skipped`, what stands in them already is from before the run."""

    def __init__(
        self,
        paths: Mapping[str, Path],
        contract: Contract,
        *,
        prefix: str,
        texts: Sequence[str],
        skipped: bool = False,
    ) -> None:
        self._tails = [_Tail(path, Parser(source=source), skipped) for source, path in paths.items()]
        self._agreement = Agreement(contract=contract, prefix=prefix)
        self._texts = tuple(texts)

    def read(self, answers: Iterable[Answer], place: Place, *, final: bool = False) -> dict[str, LogCell]:
        """What was written since the last time, by the phase that `place` gives of each line.

        `answers` are those of the requests that ended meanwhile.

        Raises:
            InvalidRun: a log cannot be read.
        """
        cells, now_s = defaultdict[str, LogCell](LogCell), time.time()
        cells.setdefault(place(None), LogCell())  # a log that says nothing is there all the same
        for number, status, phase in answers:
            self._agreement.answered(number, status, phase, cells)
        for tail in self._tails:
            for record in tail.read(final=final):
                phase = place(_age_s(record, now_s))
                cells[phase].add(record, self._texts)
                self._agreement.logged(record, phase, cells)
        if final:
            self._agreement.end(cells)
            self.close()
        return dict(cells)

    def close(self) -> None:
        """Let go of the files: nothing more is read."""
        for tail in self._tails:
            tail.close()


def _age_s(record: LogRecord, now_s: float) -> float | None:
    """How long ago a line was written; None where it does not tell, or its clock is another."""
    written_s = None if record.timestamp is None else seconds(record.timestamp)
    if written_s is None:
        return None
    age_s = (now_s - written_s) % ZONE_S
    if age_s > ZONE_S - 1.0:  # stamped by a clock that is a moment ahead
        return 0.0
    return age_s if age_s <= AGE_S_MAX else None
