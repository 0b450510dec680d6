"""From lines of text to records, as they come; nothing is held back but the record whose lines may still go on."""

from collections.abc import Iterable, Iterator

from harness.history import LogRecord
from harness.logs.blocks import Block, Message, Traceback, begins_traceback
from harness.logs.lines import formed, paired, plain, whole

BETWEEN_MAX = 20
"""So many records may stand in the middle of a traceback."""


def parse(lines: Iterable[str], *, source: str = "app") -> Iterator[LogRecord]:
    """One record for each line that is not blank, and one for each traceback and each message of several lines.

    `source` is what a line is that is no access line. A line that no format knows keeps its text and has no event: it
    is counted, never dropped. Neither has a traceback, which has the line of its exception as the field `exception`.
    """
    parser = Parser(source=source)
    for number, line in enumerate(lines, start=1):
        if (record := parser.feed(number, line)) is not None:
            yield record
    if (record := parser.end()) is not None:
        yield record


class Parser:
    """What `parse` does, line by line, for those whose lines come when they come.

    Where lines of another process stand in the middle of a traceback, what follows them is a second record of it.
    """

    def __init__(self, *, source: str = "app") -> None:
        self._source = source
        self._block: Block | None = None
        self._begun = 0
        self._torn: Traceback | None = None
        self._between = 0

    def feed(self, number: int, line: str) -> LogRecord | None:
        """Take a line; the record that it ended, where it did."""
        text = line.rstrip("\r\n")
        bare = plain(text)
        # What is indented below a message in the middle of a traceback is of that rather than of the message.
        rest = self._rest_of_torn(text, bare) if type(self._block) is Message else None
        if rest is None and self._block is not None and self._block.takes(text, bare):
            return None
        record = self.end()
        if text.strip():
            self._block, self._begun = rest or self._block_of(text, bare), number
        return record

    def end(self) -> LogRecord | None:
        """The record that was begun, which no line goes on with any more."""
        block = self._block
        if block is None:
            return None
        self._between += 1
        if isinstance(block, Traceback):
            self._torn, self._between = block if block.torn else None, 0
        self._block = None
        return LogRecord(**{"source": self._source, "line": self._begun, **block.values()})

    def _block_of(self, text: str, bare: str) -> Block:
        """The block that a line begins."""
        if begins_traceback(bare):
            return Traceback(text, bare)
        if (values := whole(bare)) is not None:
            return Block(text, values)
        if (values := formed(bare)) is None:
            return self._rest_of_torn(text, bare) or Block(text, paired(bare))
        # What was logged may be a traceback's text: its record has the event and the exception.
        told = values["event"].rpartition("\n")[2]
        return Traceback(text, told, values) if begins_traceback(told) else Message(text, values)

    def _rest_of_torn(self, text: str, bare: str) -> Block | None:
        """What goes on with a traceback that was torn only a few records ago."""
        if self._torn is None or self._between > BETWEEN_MAX:
            return None
        return self._torn.rest(text, bare)
