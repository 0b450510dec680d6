"""What a driver and a target have to say to each other: requests, answers, a job, and the record of a run."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from harness.history import PROVIDER, SNAPSHOTS, WITNESSES, FaultFired, Header, Record
from harness.registry import silenced_by
from harness.rig import Clock, Fault, Incoming, Outgoing, Rig
from harness.scenario import Parallel, Step, Turn, flat
from harness.targets.profile import Profile

ANSWER_S_MAX = 30.0
"""How long a client waits for an answer."""

PROVIDER_URL = "http://provider.invalid/v1"
"""The provider's address where there is no network: a name that can never resolve."""

SESSIONS_MIN = 100
"""From so many sessions on objects are counted."""

POLICIES = ("fifo", "random", "pct")
"""Who may decide the schedule of a simulated run; the first is the ordinary run."""


class Driven(Protocol):
    """A target that runs."""

    rig: Rig

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request; with `leave_after_s` the client goes away after so long."""

    def playing(self) -> AbstractContextManager[None]:
        """Within the block the scenario's own steps are played."""

    async def probe(self) -> Mapping[str, Any]:
        """What the target's own process says of itself, by the names of `Probe`; the lag is counted anew from here."""

    async def objects(self) -> int:
        """How many objects there are in the target's process, as `Probe` has it; it stands still while they are counted."""

    async def restart(self, *, kill: bool) -> None:
        """Stop it and start it again on the same store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a target needs to play one arm (`faulted` or `control`) of a scenario.

    `policy` and `holds` are for simulated runs: the schedule's policy by its name, or the schedule itself, as
    `harness.scenario.Schedule` has it. `origin` is the scenario's file, which may define faults of its own. `wired` are
    the faults that the target must be made ready for, in both arms alike. `loop` is the kind of event loop that a live
    app is served on, the server's own choice where it is empty.
    """

    name: str
    arm: str
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    profile: Profile
    seed: int
    defects: tuple[str, ...] = ()
    golden_turns: int = 2
    policy: str = POLICIES[0]
    holds: tuple[tuple[str, int, int], ...] | None = None
    origin: str = ""
    wired: tuple[Fault, ...] = ()
    loop: str = ""

    @property
    def links(self) -> tuple[str, ...]:
        """The links on which a proxy has to stand, for the faults that shape them."""
        return tuple(sorted({link for fault in self.wired if (link := getattr(fault, "link", None))}))

    @property
    def width(self) -> int:
        """How many of the steps are played at once, at most; two, where they are played one by one."""
        return max([2, *(len(step.steps) for step in self.steps if isinstance(step, Parallel))])

    @property
    def counts_objects(self) -> bool:
        """Whether it holds so many sessions that what each leaves behind could be told from what a process needs anyway."""
        sessions = {step.session for step in flat(self.steps) if isinstance(step, Turn)}
        promised = self.profile.contract.objects_per_session_max is not None
        return promised and len(sessions) >= SESSIONS_MIN

    def header(
        self,
        stage: str,
        *,
        nonce_matched: bool,
        doubts: tuple[str, ...],
        elapsed_s: float,
        lag_ms: float = 0.0,
        witnesses: frozenset[str] = WITNESSES,
        **simulated: Any,
    ) -> Header:
        """The header of this job's history.

        `witnesses` are those that the target has, `simulated` is what only a simulated run has.
        """
        silenced = set(silenced_by(self.faults))
        if not (self.profile.turn.state or self.profile.metrics):
            silenced.add(SNAPSHOTS)
        if "provider" not in self.profile.capabilities:
            silenced.add(PROVIDER)
        heard = witnesses - silenced
        return Header(
            scenario=self.name,
            seed=self.seed,
            stage=stage,
            target=self.profile.shown,
            arm=self.arm,
            contract=self.profile.contract,
            witnesses=tuple(sorted(heard)),
            absent=tuple(sorted(WITNESSES - heard)),
            defects=self.defects,
            declared=tags(self.faults),
            nonce_matched=nonce_matched,
            doubts=doubts,
            harness_lag_ms_max=lag_ms,
            elapsed_s=elapsed_s,
            **simulated,
        )


class Ticker:
    """How late the driver's own loop is: when the machine is too slow to judge by, this says so.

    What counts begins when the target is warm: sixty clients who connect at one instant keep the loop busy by themselves.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.late_ms_max = 0.0

    def begin(self) -> None:
        """Count from now on."""
        self.late_ms_max = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = self._clock.monotonic() + 0.01
            await self._clock.sleep(0.01)
            self.late_ms_max = max(self.late_ms_max, (self._clock.monotonic() - due) * 1000)


class Recorder:
    """The records of one run, with the run's time; faults may be recorded from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self.records: list[Record] = []

    def now(self) -> float:
        """Seconds since the run began."""
        return self._monotonic() - self._began

    def fired(self, fault: str, detail: str, *, at: float | None = None) -> None:
        """Note one firing, now or at a time of the run's clock that is known."""
        at_s = self.now() if at is None else at - self._began
        self.records.append(FaultFired(at_s=at_s, fault=fault, detail=detail))


def tags(faults: tuple[Fault, ...]) -> tuple[str, ...]:
    """A name for each fault under which it fires: its own, numbered from the second of the same on."""
    names = [fault.name for fault in faults]
    numbers = [names[:place].count(name) + 1 for place, name in enumerate(names)]
    return tuple(
        f"{name}#{number}" if number > 1 else name for name, number in zip(names, numbers, strict=True)
    )
