"""Lines meet: many threads of the target's process log at a time, more than a pipe takes in one piece."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from harness.faults.logs_holds import LONG_LINES, long_line, long_lines_whole
from harness.faults.logs_pipes import beside
from harness.faults.loop_base import InsideFault
from harness.inside import Inside
from harness.registry import Invariant, fault
from harness.window import check

LOGGER = "shakeout"
PAUSE_S = 0.001
"""Between two lines of a thread: the turns go on meanwhile, and their own lines come in between."""


@fault(
    LONG_LINES,
    stages=("live",),
    because="lines of several threads meet in a real file alone",
    needs=("inside",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class LogsLongLines(InsideFault):
    """`threads` of the target's process each log `lines` lines of `line_bytes` while the turns go on (astron-agent#807).

    They go by the standard library's logging, as a library in the process would have it, to whatever handlers the
    target has there; a pipe takes up to 4096 bytes in one piece. Each line is a firing, where a handler took it.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (long_lines_whole,)

    line_bytes: int = 6_000
    threads: int = 4
    lines: int = 25

    def __post_init__(self) -> None:
        check("line_bytes", self.line_bytes, 4_097, 1_000_000)
        check("threads", self.threads, 1, 100)
        check("lines", self.lines, 1, 10_000)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Log, until all was said or the end comes."""
        matching, over = inside.matching(self.window), threading.Event()
        # Of another process under the same fault, as after a restart, the numbers must be others.
        numbers = [f"{os.getpid()}-{n}" for n in range(self.threads * self.lines) if matching.lets_through()]
        logger = logging.getLogger(LOGGER)
        with ExitStack() as stack:
            for first in range(self.threads if _heard(logger) else 0):
                work = partial(self._log, inside, logger, numbers[first :: self.threads], over)
                stack.enter_context(beside(work, ends=over.set))
            yield

    def _log(self, inside: Inside, logger: logging.Logger, numbers: list[str], over: threading.Event) -> None:
        """Log the lines of one thread, with time for others in between."""
        for number in numbers:
            logger.log(_level(logger), long_line(number, self.line_bytes))
            inside.fired(f"line {number} of {self.line_bytes} bytes logged")
            if over.wait(PAUSE_S):
                return


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Those that a record of the logger comes to, and whose filters let it through."""
    found: list[logging.Handler] = []
    above: logging.Logger | None = logger
    while above is not None:
        found += above.handlers
        above = above.parent if above.propagate else None
    if not found and logging.lastResort is not None:
        found = [logging.lastResort]
    record = logger.makeRecord(logger.name, logging.CRITICAL, __file__, 0, long_line("0", 100), (), None)
    return [one for one in found if not isinstance(one, logging.NullHandler) and one.filter(record)]


def _heard(logger: logging.Logger) -> bool:
    """Whether any handler takes it; without one the target keeps no log of what its libraries say."""
    return bool(_handlers(logger))


def _level(logger: logging.Logger) -> int:
    """A warning, or whatever it takes to be let through."""
    handled = min((handler.level for handler in _handlers(logger)), default=logging.WARNING)
    return max(logging.WARNING, logger.getEffectiveLevel(), logger.manager.disable + 1, handled)
