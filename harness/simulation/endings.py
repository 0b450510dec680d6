"""How a run ends other than by its main coroutine, and what leaves a run although it must not."""

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from harness.errors import InvalidRun

_OURS = str(Path(__file__).parent)
_LIBRARY = sysconfig.get_path("stdlib")
_BOTTOM = ("driven", "_live")
"""Our functions that the application runs on top of, in the main thread and in others."""


class Escape(InvalidRun):
    """The run reached for something real: a socket, a process, a thread or a lock from outside, an unknown clock.

    A run that met one is invalid, whether or not the application caught it: what came of it is no simulation.
    """


class ThreadEnded(BaseException):
    """Ends a thread of a run that is over. Private: it is raised at a yield, and nobody is meant to catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A thread that waits at a deadlock; `stack` is formatted, the innermost call last, without our own frames."""

    thread: str
    lane: str
    on: str
    since_s: float
    stack: str

    def __str__(self) -> str:
        return f"{self.thread} [{self.lane}] waits since t={self.since_s:g} s on {self.on}\n{self.stack}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlock:
    """Nothing can run, and no time that could pass would change that. `at_s` is in virtual seconds of the run."""

    at_s: float
    waiting: tuple[Waiting, ...]

    def __str__(self) -> str:
        threads = "\n".join(map(str, self.waiting))
        return f"deadlock at t={self.at_s:g} s: {len(self.waiting)} thread(s) wait for ever\n{threads}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpent:
    """The run took all of its budget: virtual seconds, or steps of its threads and loops."""

    what: Literal["virtual_s", "steps"]
    limit: float
    at_s: float

    def __str__(self) -> str:
        told = "virtual seconds" if self.what == "virtual_s" else "steps"
        return f"the run did not end within its budget of {self.limit:g} {told} (t={self.at_s:g} s)"


Ending = Deadlock | BudgetSpent


def call_site() -> str:
    """The innermost frame of the calling thread that is neither ours nor the library's; failing that, the library's."""
    frame: FrameType | None = sys._getframe(1)
    of_library: FrameType | None = None
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, "<frozen")):
            if not name.startswith(_LIBRARY) or "site-packages" in name:
                return _told(frame)
            of_library = of_library or frame
        frame = frame.f_back
    return "an unknown place" if of_library is None else _told(of_library)


def stack_of(frame: FrameType | None) -> str:
    """The stack of a waiting thread, formatted, without our own frames and what is around them."""
    lines: list[str] = []
    while frame is not None and frame.f_code.co_name not in _BOTTOM:
        if not frame.f_code.co_filename.startswith(_OURS):
            lines.append(f"    {_told(frame)}")
        frame = frame.f_back
    return "\n".join(reversed(lines))


def _told(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
