"""What a driver and a target have to say to each other: requests, answers, a job, and the record of a run."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from harness.history import LOGS, PROBES, PROVIDER, SNAPSHOTS, WIRE, FaultFired, Header, Record
from harness.rig import Clock, Fault, NetworkSeam, ProviderSeam, Rig, Rule, Window
from harness.scenario import Step
from harness.targets.profile import Profile

ANSWER_S_MAX = 30.0
"""How long a client waits for an answer."""

PROVIDER_URL = "http://provider.invalid/v1"
"""The provider's address where there is no network: a name that can never resolve."""

POLICIES = ("fifo", "random", "pct")
"""Who may decide the schedule of a simulated run; the first is the ordinary run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as it goes to the target."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What came back: `status` is None where none did, and `error` then names the client's exception."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None


class Driven(Protocol):
    """A target that runs."""

    rig: Rig

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request; with `leave_after_s` the client goes away after so long."""

    def playing(self) -> AbstractContextManager[None]:
        """Within the block the scenario's own steps are played."""

    async def probe(self) -> Mapping[str, float]:
        """What the target's own process says of itself, by the names of `Probe`; the lag is counted anew from here."""

    async def restart(self, *, kill: bool) -> None:
        """Stop it and start it again on the same store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a target needs to play one arm (`faulted` or `control`) of a scenario.

    `policy` and `holds` are for simulated runs: the schedule's policy by its name, or the schedule itself, as
    `harness.scenario.Schedule` has it. `origin` is the scenario's file, which may define faults of its own.
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

    def header(
        self,
        stage: str,
        *,
        nonce_matched: bool,
        doubts: tuple[str, ...],
        elapsed_s: float,
        lag_ms: float = 0.0,
        **simulated: Any,
    ) -> Header:
        """The header of this job's history; `simulated` is what only a simulated run has."""
        has_state = self.profile.turn.state or self.profile.metrics
        return Header(
            scenario=self.name,
            seed=self.seed,
            stage=stage,
            target=self.profile.name,
            arm=self.arm,
            contract=self.profile.contract,
            witnesses=(WIRE, LOGS, PROVIDER, PROBES, *((SNAPSHOTS,) if has_state else ())),
            absent=() if has_state else (SNAPSHOTS,),
            defects=self.defects,
            declared=tags(self.faults),
            nonce_matched=nonce_matched,
            doubts=doubts,
            harness_lag_ms_max=lag_ms,
            elapsed_s=elapsed_s,
            **simulated,
        )


class Ticker:
    """How late the driver's own loop is: when the machine is too slow to judge by, this says so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
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

    def fired(self, fault: str, detail: str) -> None:
        """Note one firing."""
        self.records.append(FaultFired(at_s=self.now(), fault=fault, detail=detail))


class Armed:
    """The faults of a job, each armed and healed at the steps that its window names."""

    def __init__(self, faults: tuple[Fault, ...], rig: Rig, last: int) -> None:
        self._faults = tuple(zip(tags(faults), faults, strict=True))
        self._rig = rig
        self._last = last
        self._open: dict[str, AsyncExitStack] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Mend whatever is still broken, all of it, also where mending one fails."""
        async with AsyncExitStack() as rest:
            for stack in self._open.values():
                rest.push_async_callback(stack.aclose)
            self._open = {}

    async def before(self, step: int) -> None:
        """Arm what begins with this step."""
        for tag, fault in self._faults:
            if fault.window.from_step == step:
                stack = AsyncExitStack()
                await stack.enter_async_context(fault.inject(_tagged(self._rig, tag)))
                self._open[tag] = stack

    async def after(self, step: int) -> None:
        """Heal what ends with this step."""
        for tag, fault in self._faults:
            until = self._last if fault.window.until_step is None else fault.window.until_step
            if until == step and tag in self._open:
                await self._open.pop(tag).aclose()


def tags(faults: tuple[Fault, ...]) -> tuple[str, ...]:
    """A name for each fault under which it fires: its own, numbered from the second of the same on."""
    names = [fault.name for fault in faults]
    numbers = [names[:place].count(name) + 1 for place, name in enumerate(names)]
    return tuple(
        f"{name}#{number}" if number > 1 else name for name, number in zip(names, numbers, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _TaggedProvider:
    """The provider, for one fault: whatever it puts there fires under the fault's tag."""

    seam: ProviderSeam
    tag: str

    def wrapped(self, fault: str, rule: Rule, window: Window) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Put the rule there under the tag."""
        return self.seam.wrapped(self.tag, rule, window)


@dataclass(frozen=True, slots=True)
class _TaggedNetwork:
    """The network, for one fault."""

    seam: NetworkSeam
    tag: str

    def refused(self, fault: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Refuse under the tag."""
        return self.seam.refused(self.tag)


def _tagged(rig: Rig, tag: str) -> Rig:
    """The rig for one fault, so that two of the same name are counted apart."""
    return replace(rig, provider=_TaggedProvider(rig.provider, tag), network=_TaggedNetwork(rig.network, tag))
