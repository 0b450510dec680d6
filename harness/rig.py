"""The rig: the seams at which a fault may take hold, and the window in which it does.

Seams are passed, never patched. What breaks must mend: a fault is an async context manager that puts everything
back however its body ends, and it records every time that it fired.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a fault is armed, and on which calls it fires.

    Steps count from 0: armed before step `from_step`, healed after step `until_step` (the last one where None).
    Of the calls that match `level` (`conversation` or `structured`; any where None) it fires on the first
    `first_n` (all where None), on every `every_k`-th, and then with probability `p`.
    """

    from_step: int = 0
    until_step: int | None = None
    level: str | None = None
    first_n: int | None = None
    every_k: int = 1
    p: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a window that can never open.

        Raises:
            UsageError: a knob is out of its range.
        """
        check("from_step", self.from_step, 0, math.inf)
        check(
            "until_step",
            self.from_step if self.until_step is None else self.until_step,
            self.from_step,
            math.inf,
        )
        check("first_n", 1 if self.first_n is None else self.first_n, 1, math.inf)
        check("every_k", self.every_k, 1, math.inf)
        check("p", self.p, 1e-9, 1.0)
        if self.level not in (None, "conversation", "structured"):
            raise UsageError(
                f"level={self.level!r}: a level is 'conversation', 'structured' or None for both"
            )


def check(knob: str, value: float, least: float, most: float) -> None:
    """Hold a knob to its closed range.

    Raises:
        UsageError: it is outside, or no number.
    """
    if not least <= value <= most:
        upper = "" if most == math.inf else f" and at most {most:g}"
        raise UsageError(f"{knob}={value}: must be at least {least:g}{upper}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it reaches the provider; `level` is `conversation` or `structured`, `ordinal` counts from 1."""

    ordinal: int
    level: str
    request_id: str | None
    headers: dict[str, str]
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider puts on the wire."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Answer = Callable[[Call], Awaitable[Reply]]
Rule = Callable[[Call, Answer], Awaitable[Reply]]
"""A rule around the provider's answer: it may answer itself, change what `answer` gives, delay it, or never return."""


class ProviderSeam(Protocol):
    """The provider: rules are stacked around its honest answer, and may be taken away in any order."""

    def wrapped(self, fault: str, rule: Rule, window: Window) -> AbstractAsyncContextManager[None]:
        """Put `rule` around the answers to the calls that `window` lets through, and record each as fired."""


class NetworkSeam(Protocol):
    """The link between the target and its provider."""

    def refused(self, fault: str) -> AbstractAsyncContextManager[None]:
        """While open, nothing listens where the provider was: a connection is refused by the wire itself."""


class Clock(Protocol):
    """The time of the run: real in the stages that have sockets."""

    def monotonic(self) -> float:
        """Seconds, from any start, never going back."""

    async def sleep(self, seconds: float) -> None:
        """Let so much of the run's time pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """All the seams of one run."""

    provider: ProviderSeam
    network: NetworkSeam
    clock: Clock


class Fault(Protocol):
    """One thing that goes wrong: a frozen dataclass whose fields are its knobs, with units in their names."""

    name: ClassVar[str]

    @property
    def window(self) -> Window:
        """When it is armed, and on which calls it fires."""

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
