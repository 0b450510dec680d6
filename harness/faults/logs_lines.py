"""What the target's log makes of long lines that meet, and of a sink that refuses each of them."""

import errno
import io
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import closed
from harness.faults.loop_base import InsideFault
from harness.history import LOGS, History
from harness.inside import App, Inside, Message, Receive, Send
from harness.registry import Invariant, fault, oracle
from harness.variants import chosen
from harness.verdict import Finding
from harness.window import check

LOGGER = "shakeout.long_lines"
_LINE = re.compile(r"shakeout line (\d+) of (\d+) (x*)(?: end (\d+) of (\d+))?")


def line(number: int, count: int, size_bytes: int) -> str:
    """A message of about so many bytes that tells its number at both ends."""
    return f"shakeout line {number} of {count} {'x' * size_bytes} end {number} of {count}"


@oracle("logs.each_line_once", witnesses={LOGS})
def each_line_once(history: History) -> Iterable[Finding]:
    """Of the numbered lines that went in each came out once, and whole."""
    seen: Counter[int] = Counter()
    count = 0
    for record in history.logs:
        for found in _LINE.finditer(record.text):
            number, count = int(found[1]), int(found[2])
            seen[number] += 1
            if found[4] is None or int(found[4]) != number:
                yield Finding(
                    message=f"line {number} of {count} is torn",
                    evidence=f"{record.source} log line {record.line}",
                )
    for number in range(1, count + 1):
        if seen[number] != 1:
            yield Finding(
                message=f"line {number} of {count} came out {seen[number]} times", evidence="the log"
            )
    if not count:
        yield Finding(message="of the numbered lines none came out", evidence="the log")


@fault("logs.long_lines", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsLongLines(InsideFault):
    """`threads` threads of the target log `lines` lines of `line_bytes` each at once, by the standard library.

    A line longer than a pipe takes in one piece (PIPE_BUF, 4096 bytes) meets another in the middle where its writer
    takes no care (astron-agent#807). They are critical, so that no configuration leaves them out; where the root logger
    has nothing to do with them, nothing fires.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (each_line_once,)

    line_bytes: int = 6000
    threads: int = 4
    lines: int = 10

    def __post_init__(self) -> None:
        check("line_bytes", self.line_bytes, 1, 1_000_000)
        check("threads", self.threads, 1, 64)
        check("lines", self.lines, 1, 100_000)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Log them, and wait until all are logged."""
        logger, count = logging.getLogger(LOGGER), self.threads * self.lines
        if not logger.isEnabledFor(logging.CRITICAL):
            yield
            return

        def log(first: int) -> None:
            for number in range(first, first + self.lines):
                logger.critical(line(number, count, self.line_bytes))

        threads = [
            threading.Thread(target=log, args=(1 + n * self.lines,), daemon=True) for n in range(self.threads)
        ]
        for thread in threads:
            thread.start()
        inside.fired(f"{count} lines of {self.line_bytes} bytes by {self.threads} threads")
        try:
            yield
        finally:
            for thread in threads:
                thread.join()


@fault("logs.sink_raises", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSinkRaises(InsideFault):
    """Whatever writes to the target's standard output gets an error each time: `EBADF`, or `ENOSPC` for a full disk.

    It begins once the target has written something, which shows that there is a writer. A request that is served from
    then on is a firing; its answer is none of the log's business.
    """

    silences: ClassVar[tuple[str, ...]] = ("logs",)

    error: str = chosen("EBADF", "ENOSPC")

    def __post_init__(self) -> None:
        closed(self, "error")

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Refuse what is written."""
        with ExitStack() as mending:
            taken = mending.enter_context(io.FileIO(os.memfd_create("taken"), "r+"))
            refusing = mending.enter_context(refuses(self.error))
            broken = False

            async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
                nonlocal broken
                was_broken = broken
                try:
                    await app(scope, receive, send)
                finally:
                    if was_broken:
                        inside.fired(f"served while the standard output raised {self.error}")
                    elif not broken and os.fstat(taken.fileno()).st_size:
                        broken = True
                        mending.enter_context(inside.output_to(refusing.fileno()))

            mending.enter_context(inside.output_to(taken.fileno()))
            with inside.around_requests(rule):
                yield


def refuses(error: str) -> io.FileIO:
    """A file of which every write fails with the error of that name."""
    if error == errno.errorcode[errno.ENOSPC]:
        return io.FileIO("/dev/full", "w")
    return io.FileIO("/dev/null", "r")
