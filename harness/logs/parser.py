"""From lines of text to records, as they come; nothing is held back but the record whose lines may still go on."""

from collections.abc import Iterable, Iterator

from harness.history import LogRecord
from harness.logs.blocks import Block, Message, Traceback, begins_traceback
from harness.logs.lines import formed, paired, plain, whole


def parse(lines: Iterable[str], *, source: str = "app") -> Iterator[LogRecord]:
    """One record for each line that is not blank, and one for each traceback and each message of several lines.

    `source` is what a line is that is no access line. A line that no format knows keeps its text and has no event: it
    is counted, never dropped. Neither has a traceback, which has the line of its exception as the field `exception`.
    """
    block: Block | None = None
    begun = 0
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        bare = plain(text)
        if block is not None:
            if block.takes(text, bare):
                continue
            yield LogRecord(**{"source": source, "line": begun, **block.values()})
        block, begun = (_block(text, bare), number) if text.strip() else (None, 0)
    if block is not None:
        yield LogRecord(**{"source": source, "line": begun, **block.values()})


def _block(text: str, bare: str) -> Block:
    """The block that a line begins."""
    if begins_traceback(bare):
        return Traceback(text, bare)
    if (values := whole(bare)) is not None:
        return Block(text, values)
    if (values := formed(bare)) is None:
        return Block(text, paired(bare))
    # What was logged may be a traceback's text: its record has the event and the exception.
    told = values["event"].rpartition("\n")[2]
    return Traceback(text, told, values) if begins_traceback(told) else Message(text, values)
