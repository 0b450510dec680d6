"""The target's process is killed, told to end, held still, or given too little; then it is there again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, NO_PROCESS, check_whole, closed
from harness.faults.client_holds import one_effect
from harness.faults.process_commit import struck_in_commit
from harness.faults.process_points import IN_COMMIT, IN_STARTUP, POINTS, needs_of_point, struck
from harness.registry import Invariant, fault
from harness.rig import ProcessSeam, Rig, Window, check
from harness.variants import chosen

BRIEFLY = Window(for_s=0.4)
"""Over before their clients give up."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStruck(ProcessFault):
    """A process is ended at a `point`; another is there on its store `down_s` later, or when the window ends if that is first.

    `mid_request` is while the provider is asked, `mid_stream` in the middle of a stream, and `between_turns` as the
    window opens, for which no provider is needed. Where no such point comes it has not fired.
    """

    point: str = chosen(*POINTS)
    down_s: float = 0.4

    @property
    def needs_also(self) -> frozenset[str]:
        """The points in a request are told by the provider's calls."""
        return needs_of_point(self.point)

    def _check(self) -> None:
        closed(self, "point")
        check("down_s", self.down_s, 0, 3_600)


@fault("process.kill", stages=("live",), because=NO_PROCESS, needs=("process",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessKill(ProcessStruck):
    """SIGKILL: whatever was acknowledged must be there again (Jepsen's kill nemesis).

    `in_commit` is while the store commits: the transaction is written, and nobody can see it yet.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (one_effect,)

    point: str = chosen(*POINTS, IN_COMMIT)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Kill at the point, start when it is over."""
        process = _process(rig)

        def blow() -> AbstractAsyncContextManager[None]:
            return process.down(self.name, kill=True)

        if self.point == IN_COMMIT:
            return struck_in_commit(rig, self.name, down_s=self.down_s, blow=blow)
        return struck(rig, self.name, self.point, down_s=self.down_s, blow=blow)


@fault("process.terminate", stages=("live",), because=NO_PROCESS, needs=("process",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTerminate(ProcessStruck):
    """SIGTERM: what is under way finishes, and the process ends within `grace_s`.

    Its calls are answered, and a stream goes on, when the process has had its signal; connections that are kept, and
    say nothing, must not hold it up (uvicorn#451, #2913). `in_startup` is before it listens: the process ends between
    two turns, and the next one has its signal when its app has opened all that it opens, and nobody can reach it.
    """

    point: str = chosen(*POINTS, IN_STARTUP)
    grace_s: float = 10.0

    def _check(self) -> None:
        super(ProcessTerminate, self)._check()  # a class with slots is made anew: `super()` finds the other
        check("grace_s", self.grace_s, 0.1, 600)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Terminate at the point, start when it is over."""
        process = _process(rig)

        def blow() -> AbstractAsyncContextManager[None]:
            if self.point == IN_STARTUP:
                return _in_startup(process, self.name, self.grace_s)
            return process.down(self.name, kill=False, grace_s=self.grace_s)

        return struck(rig, self.name, self.point, down_s=self.down_s, blow=blow)


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


@asynccontextmanager
async def _in_startup(process: ProcessSeam, fault: str, grace_s: float) -> AsyncIterator[None]:
    """A process that has ended, one after it that was ended before it listened, and another on exit."""
    async with process.down(fault, kill=False, grace_s=grace_s, mends=True):
        await process.stillborn(fault, grace_s=grace_s)
        yield


def _process(rig: Rig) -> ProcessSeam:
    """The process of a run.

    Raises:
        UsageError: the run has none.
    """
    if rig.process is None:
        raise UsageError("a fault of the process needs one that the harness has started: play it live")
    return rig.process
