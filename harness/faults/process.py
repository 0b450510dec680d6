"""The target's process is killed, told to end, held still, or given too little; then it is there again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, NO_PROCESS, check_whole
from harness.faults.client_holds import one_effect
from harness.registry import Invariant, fault
from harness.rig import ProcessSeam, Rig, Window, check

MID_REQUEST = Window(at_s=0.003, for_s=0.4)
"""Soon enough after the step began that its requests are under way, and over before their clients give up."""

BRIEFLY = Window(for_s=0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFault:
    """A fault of the process, in a window of steps and seconds: a process knows no calls."""

    name: ClassVar[str]

    window: Window = ALWAYS

    def __post_init__(self) -> None:
        """Refuse knobs that no process could have.

        Raises:
            UsageError: one is out of its range; the message says which.
        """
        check_whole(self.name, self.window)
        self._check()

    def _check(self) -> None:
        """Hold the fault's own knobs to their ranges; most have none."""


@fault("process.kill", stages=("live",), because=NO_PROCESS, needs=("process",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessKill(ProcessFault):
    """SIGKILL while requests are under way, and a new process on the same store when the window ends.

    Whatever was acknowledged must be there again (Jepsen's kill nemesis).
    """

    holds: ClassVar[tuple[Invariant, ...]] = (one_effect,)

    window: Window = MID_REQUEST

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Kill on entry, start on exit."""
        return _process(rig).down(self.name, kill=True)


@fault(
    "process.terminate",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTerminate(ProcessFault):
    """SIGTERM while requests are under way: those finish, and the process ends within `grace_s` (uvicorn#451)."""

    grace_s: float = 10.0
    window: Window = MID_REQUEST

    def _check(self) -> None:
        check("grace_s", self.grace_s, 0.1, 600)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Terminate on entry, start on exit."""
        return _process(rig).down(self.name, kill=False, grace_s=self.grace_s)


@fault(
    "process.restart",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRestart(ProcessFault):
    """SIGTERM between two turns, nobody there for `down_s`, and another process on the same store: nothing is lost."""

    down_s: float = 0.05

    def _check(self) -> None:
        check("down_s", self.down_s, 0, 3_600)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Restart on entry; there is nothing to mend."""
        async with _process(rig).down(self.name, kill=False):
            await rig.clock.sleep(self.down_s)
        yield


@fault("process.pause", stages=("live",), because=NO_PROCESS, needs=("process",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPause(ProcessFault):
    """SIGSTOP and SIGCONT: time goes on without it, as in a long pause of a virtual machine (Jepsen's hammer-time)."""

    window: Window = BRIEFLY

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Stop on entry, continue on exit."""
        return _process(rig).paused(self.name)


@fault(
    "process.fd_limit",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFdLimit(ProcessFault):
    """It may open no more than `descriptors` beside those that it has (RLIMIT_NOFILE): new connections must wait."""

    descriptors: int = 0

    def _check(self) -> None:
        check("descriptors", self.descriptors, 0, 1_000_000)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Limit on entry, put the limit back on exit."""
        return _process(rig).starved(self.name, self.descriptors)


def _process(rig: Rig) -> ProcessSeam:
    """The process of a run.

    Raises:
        UsageError: the run has none.
    """
    if rig.process is None:
        raise UsageError("a fault of the process needs one that the harness has started: play it live")
    return rig.process
