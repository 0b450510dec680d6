"""Two witnesses held to each other while a load goes on: what the client saw of each request, and what the log tells of it.

What was compared is forgotten, all but one bit of it, so that a long run costs no memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from harness.gates.log_fields import CLASSIFIED
from harness.gates.service_log import LogCell
from harness.history import Contract, LogRecord
from harness.reading import contradicts, logged_status

NO_ANSWER = 0
"""The status of a request that got none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What one completion record of the log says of its request."""

    status: int | None
    success: Any
    contradicts: bool

    @classmethod
    def of(cls, record: LogRecord) -> "Completion":
        """What a record tells."""
        fields = record.fields
        said = contradicts(fields)
        return cls(status=logged_status(fields), success=fields.get("success"), contradicts=said)

    def lie(self, status: int) -> str | None:
        """What it says that is not so of a request which ended with this status; None where all is."""
        if status not in (NO_ANSWER, self.status):
            return f"it was answered with {status} and logged as {self.status}"
        if self.contradicts:
            return f"it was logged as success={self.success} with status {self.status}"
        return None


Phases = Mapping[str, LogCell]
"""What was logged, by phase; of one that has nothing yet it makes an empty cell."""


class Bits:
    """A set of numbers from 0 on, at a bit each."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, number: int) -> None:
        """Take one in."""
        if (at := number >> 3) >= len(self._bytes):
            self._bytes.extend(bytes(at + 1 - len(self._bytes) + (at >> 1)))
        self._bytes[at] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        return (at := number >> 3) < len(self._bytes) and bool(self._bytes[at] >> (number & 7) & 1)


@dataclass(slots=True, kw_only=True)
class Agreement:
    """Compares requests, by their numbers, with the records that the contract promises of them.

    Each has one completion record, with the status that its client saw and no false success; of one that got no answer at
    most one, for it may never have arrived. Where the contract classifies, each that was answered with a 200 has one
    classification: a load sends no request twice, so no 200 is an answer given again.

    Each finding is of the phase in which its request was due.
    """

    contract: Contract
    prefix: str
    _answers: dict[int, tuple[int, str]] = field(default_factory=dict)
    _completions: dict[int, Completion] = field(default_factory=dict)
    _reported: Bits = field(default_factory=Bits)
    _owing: dict[int, str] = field(default_factory=dict)
    _early: set[int] = field(default_factory=set)
    _classified: Bits = field(default_factory=Bits)

    def answered(self, number: int, status: int, phase: str, cells: Phases) -> None:
        """Take what the client saw of a request of a phase."""
        if self.contract.completion_event is not None:
            if (completion := self._completions.pop(number, None)) is not None:
                self._compare(number, status, completion, cells[phase])
            else:
                self._answers[number] = status, phase
        if self.contract.primary_method is not None and status // 100 == HTTPStatus.OK // 100:
            if number in self._early:
                self._early.discard(number)
                self._classified.add(number)
            else:
                self._owing[number] = phase

    def logged(self, record: LogRecord, phase: str, cells: Phases) -> None:
        """Take what the log tells of a request, if it is one of this load; `phase` is that in which the line was written."""
        number = self._number(record.request_id)
        if number is None:
            return
        if record.event == self.contract.completion_event:
            self._completed(number, Completion.of(record), phase, cells)
        elif record.event == CLASSIFIED and self.contract.primary_method is not None:
            self._classify(number, cells[phase])

    def end(self, cells: Phases) -> None:
        """Nothing more comes: what still owes a record never had it."""
        for number, (status, phase) in sorted(self._answers.items()):
            cells[phase].compared += 1
            if status != NO_ANSWER:
                self._misreported(number, "it has no completion record", cells[phase])
        self._answers.clear()
        for number, phase in sorted(self._owing.items()):
            self._unclassified(number, "no", cells[phase])
        self._owing.clear()

    def _completed(self, number: int, completion: Completion, phase: str, cells: Phases) -> None:
        if number in self._reported or number in self._completions:
            self._misreported(number, "it has more than one completion record", cells[phase])
        elif (answer := self._answers.pop(number, None)) is not None:
            status, due_in = answer
            self._compare(number, status, completion, cells[due_in])
        else:
            self._completions[number] = completion

    def _compare(self, number: int, status: int, completion: Completion, cell: LogCell) -> None:
        self._reported.add(number)
        cell.compared += 1
        if (lie := completion.lie(status)) is not None:
            self._misreported(number, lie, cell)

    def _classify(self, number: int, cell: LogCell) -> None:
        if number in self._owing:
            del self._owing[number]
            self._classified.add(number)
        elif number in self._classified or number in self._early:
            self._unclassified(number, "more than one", cell)
        else:
            self._early.add(number)

    def _misreported(self, number: int, why: str, cell: LogCell) -> None:
        cell.misreported += 1
        cell.example("misreported", f"{self.prefix}{number}: {why}")

    def _unclassified(self, number: int, how_many: str, cell: LogCell) -> None:
        cell.unclassified += 1
        cell.example("unclassified", f"{self.prefix}{number}: {how_many} {CLASSIFIED} in the log")

    def _number(self, request_id: str | None) -> int | None:
        """The number of one of this load's requests; None of any other."""
        digits = (request_id or "").removeprefix(self.prefix)
        return int(digits) if digits != request_id and digits.isascii() and digits.isdigit() else None
