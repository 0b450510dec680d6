"""Reads the service's log while a load goes on, on the host that it is written on, and holds it to what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.gates.agreement import Agreement
from harness.gates.service_log import LogCell
from harness.history import Contract, LogRecord
from harness.logs.parser import Parser
from harness.logs.text import Lines


@dataclass(slots=True)
class _Tail:
    """One file that grows: what was read of it, and the record that may still go on."""

    path: Path
    parser: Parser
    offset: int
    lines: Lines = field(default_factory=Lines)

    def read(self, *, final: bool) -> list[LogRecord]:
        """The records that were ended since the last time; at the end, all."""
        block = b""
        if self.path.exists():
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                block = stream.read()
        self.offset += len(block)
        fed = [self.parser.feed(number, line) for number, line in self.lines.feed(block, final=final)]
        return [record for record in (*fed, self.parser.end() if final else None) if record is not None]


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
        self._tails = [
            _Tail(path, Parser(source=source), path.stat().st_size if skipped and path.exists() else 0)
            for source, path in paths.items()
        ]
        self._agreement = Agreement(contract=contract, prefix=prefix)
        self._texts = tuple(texts)

    def read(self, answers: Sequence[int], *, final: bool = False) -> LogCell:
        """What was written since the last time; `answers` are number and status of the requests that ended meanwhile."""
        cell = LogCell()
        for number, status in zip(answers[::2], answers[1::2], strict=True):
            self._agreement.answered(number, status, cell)
        for tail in self._tails:
            for record in tail.read(final=final):
                cell.add(record, self._texts)
                self._agreement.logged(record, cell)
        if final:
            self._agreement.end(cell)
        return cell
