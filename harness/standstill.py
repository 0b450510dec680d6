"""Records of why nothing went on: the process was away, the machine was busy, or everybody waited for everybody."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From `at_s` to `ended_s` a fault kept the target's process from answering anybody.

    `how` is `killed` (SIGKILL), `terminated` (SIGTERM), `paused` (SIGSTOP), or `died`: by itself, and no fault is named.
    `exit_code` is what an ended process ended with, negative for a signal.
    """

    kind: ClassVar[str] = "outage"
    at_s: float
    ended_s: float
    fault: str
    how: str
    exit_code: int | None = None

    def meets(self, began_s: float, ended_s: float) -> bool:
        """Whether any of it lies between two times."""
        return self.at_s <= ended_s and began_s <= self.ended_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDown:
    """From `at_s` to `ended_s` a fault let the link between the target and its provider refuse."""

    kind: ClassVar[str] = "link_down"
    at_s: float
    ended_s: float
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Starved:
    """From `at_s` to `ended_s` what could have gone on waited for a core, for `waited_s` of the time: the machine was busy.

    That is the longest that any one thread of the target waited, and what the harness waited itself, after one another.
    """

    kind: ClassVar[str] = "starved"
    at_s: float
    ended_s: float
    waited_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlocked:
    """Nothing could go on any more, and no time that could pass would have changed that.

    `report` names every thread, what it waits on, since when, and its stack.
    """

    kind: ClassVar[str] = "deadlock"
    at_s: float
    report: str


Standstill = Deadlocked | LinkDown | Outage | Starved
