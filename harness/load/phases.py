"""The phases of a load: how many requests a second are due, for how long, and which fault is there meanwhile."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.errors import UsageError

PHASE_S_MAX = 86_400.0
RATE_MAX = 20_000.0
_WRITTEN = re.compile(
    r"(?P<name>\S+)\s+(?P<number>\d+(?:\.\d+)?)(?P<unit>s|m|h)\s+"
    r"(?P<rate>\d+(?:\.\d+)?)(?:\.\.(?P<until>\d+(?:\.\d+)?))?/s"
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """So many seconds, in which the rate goes evenly from `rate_per_s` to `until_per_s`; the same where that is None.

    Raises:
        UsageError: a rate or a time is out of range.
    """

    name: str
    for_s: float
    rate_per_s: float
    until_per_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.for_s <= PHASE_S_MAX:
            raise UsageError(
                f"phase {self.name}: {self.for_s:g} s; a phase takes more than 0 s, at most {PHASE_S_MAX:g}"
            )
        for rate in (self.rate_per_s, self.end_per_s):
            if not 0 < rate <= RATE_MAX:
                raise UsageError(
                    f"phase {self.name}: {rate:g} requests a second; give more than 0, at most {RATE_MAX:g}"
                )

    @property
    def end_per_s(self) -> float:
        """The rate at its end."""
        return self.rate_per_s if self.until_per_s is None else self.until_per_s

    @property
    def due(self) -> float:
        """How many requests are due in it: the mean where arrivals are drawn."""
        return self.for_s * (self.rate_per_s + self.end_per_s) / 2

    def __str__(self) -> str:
        """The phase as it is written: `ramp 30s 5..50/s`."""
        until = "" if self.until_per_s is None else f"..{self.until_per_s:g}"
        return f"{self.name} {self.for_s:g}s {self.rate_per_s:g}{until}/s"

    @classmethod
    def of(cls, text: str) -> "Phase":
        """The phase that is written so.

        Raises:
            UsageError: it is none, or a rate or a time is out of range.
        """
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"--phase {text}: it is written NAME TIME RATE, such as 'ramp 30s 5..50/s'")
        return cls(
            name=found["name"],
            for_s=float(found["number"]) * _UNIT_S[found["unit"]],
            rate_per_s=float(found["rate"]),
            until_per_s=None if found["until"] is None else float(found["until"]),
        )

    def at(self, due: float) -> float:
        """After how many of its seconds so many are due."""
        slope = (self.end_per_s - self.rate_per_s) / self.for_s
        # The root that is also right where the slope is next to nothing.
        return 2 * due / (self.rate_per_s + math.sqrt(max(0.0, self.rate_per_s**2 + 2 * slope * due)))


def ends_s(phases: Iterable[Phase]) -> tuple[float, ...]:
    """When each phase ends, in seconds from the beginning of the first."""
    ends, now_s = [], 0.0
    for phase in phases:
        now_s += phase.for_s
        ends.append(now_s)
    return tuple(ends)


def phase_at(phases: Sequence[Phase], now_s: float) -> str:
    """The name of the phase that goes on so many seconds after the beginning; the last one's where all are over."""
    return next(
        (one.name for one, end_s in zip(phases, ends_s(phases), strict=True) if now_s < end_s),
        phases[-1].name,
    )


def checked(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases of a run.

    Raises:
        UsageError: there is none, or two neighbours have one name: a gate could not tell them apart.
    """
    if not phases:
        raise UsageError("a load has at least one phase; give a rate and a time")
    for first, second in pairwise(sorted(phase.name for phase in phases)):
        if first == second:
            raise UsageError(f"two phases are called {first}; a gate could not tell them apart")
    return tuple(phases)
