"""A deadline is given in seconds, and must be read in seconds."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import ALWAYS, NO_PROCESS, check_whole
from harness.faults.process_instances import instances_of, made_by
from harness.history import PROVIDER, WIRE, History
from harness.reading import shaped, starved_s
from harness.registry import Invariant, fault, oracle
from harness.rig import Answer, Call, Reply, Rig, Window, check
from harness.verdict import Finding

LONGEST = 1.3
"""So many times its deadline a turn may take: what a busy machine, and the rest of the work, take is in it."""

SHORTEST = 0.1
"""So much of its deadline a turn waits for a silent provider, however early it falls back to something else."""

SILENT = 3.0
"""For so many deadlines the provider is silent: long enough to see who waits for too long, and no longer."""


def deadline_read(name: str, share: float) -> Invariant:
    """The oracle that whoever waited for a silent provider gave up at a deadline of `share` of the promised one."""

    @oracle(f"{name}.deadline_read", witnesses={WIRE, PROVIDER})
    def check_(history: History) -> Iterable[Finding]:
        """A turn whose provider is silent takes from a tenth of the deadline that the service was given to 1.3 of it."""
        deadline_s = share * history.header.contract.deadline_s
        least_s = SHORTEST * deadline_s
        most_s = LONGEST * deadline_s + history.header.harness_lag_ms_max / 1000
        for turn in history.turns:
            is_held = any(made_by(turn, call) and shaped(call, name) for call in history.calls)
            if is_held and not turn.left and not least_s <= turn.elapsed_s <= most_s:
                message = f"took {turn.elapsed_s:.3f} s with a deadline of {deadline_s:g} s: is that read in seconds?"
                over_s = turn.elapsed_s - most_s
                doubtful = 0 < over_s <= starved_s(history, turn.at_s, turn.ended_s)
                yield Finding(message=message, evidence=str(turn), doubtful=doubtful)

    return check_


@fault(
    "clock.unit",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process", "deadline"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockUnit:
    """The service is started anew with `share` of its deadline, and its provider is silent until that is long over.

    Read as milliseconds, or in them, it is wrong by a thousand (litellm#6339); a service that takes its deadline from
    somewhere else is wrong too. A call to which the provider was silent is a firing.
    """

    name: ClassVar[str]

    share: float = 0.5
    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)
        check("share", self.share, 0.05, 1.0)

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """It depends on the deadline that is given."""
        return (deadline_read(self.name, self.share),)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Start it with the other deadline on entry, and with its own on exit."""
        async with instances_of(rig, self.name).hurried(self.name, self.share) as deadline_s:

            async def silent(call: Call, answer: Answer) -> Reply:
                await rig.clock.sleep(SILENT * deadline_s)
                return await answer(call)

            async with rig.provider.wrapped(self.name, silent, ALWAYS):
                yield
