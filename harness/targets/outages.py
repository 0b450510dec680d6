"""What a fault may do to the target's process: end it and start it again, stop it and let it go on, give it less."""

import asyncio
import contextlib
import resource
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from harness.errors import InvalidRun, UsageError
from harness.history import Outage
from harness.rig import Outgoing
from harness.targets.driven import Recorder
from harness.targets.http_client import HttpClient
from harness.targets.started import STOP_S_MAX, Child
from harness.targets.system import descriptors_limit, members

NO_ANSWER_S = 0.3
"""How long a process that can open nothing more is listened to, until it is plain that it does not answer."""

STILL_S_MAX = 1.0
"""A process that is stopped stands still within this, unless it waits for a device."""

LOOK_S = 0.0005
"""How often it is looked at meanwhile: the system tells nobody that all threads of another process stand."""


class Ended(Protocol):
    """A target whose process can be ended and begun again."""

    @property
    def child(self) -> Child:
        """The process that is there now."""

    @property
    def base_url(self) -> str:
        """Where it listens."""

    async def end(self, *, kill: bool, grace_s: float) -> int | None:
        """End it; the code that it ended with, None where it was down already."""

    async def begin(self) -> bool:
        """Begin another on the same store; whether it did, since all who ended it have to."""

    async def stillborn(self, *, grace_s: float) -> int | None:
        """While it is down, start one and end it before it listens; the code that it ended with."""


class Single:
    """A target of which one process runs at a time: two would share one store. It is down until all who ended it begin it."""

    def __init__(self, changing: asyncio.Lock) -> None:
        self._changing = changing
        self._down = 1  # it has not begun yet

    async def begin(self) -> bool:
        """Begin it on its store; whether that was done, or others keep it down."""
        async with self._changing:
            self._down -= 1
            if not self._down:
                await self._begun()
            return not self._down

    async def end(self, *, kill: bool, grace_s: float = STOP_S_MAX) -> int | None:
        """End it, by SIGKILL or by SIGTERM; the code that it ended with, None where it was down already."""
        async with self._changing:
            code = None if self._down else await self._ended(kill=kill, grace_s=grace_s)
            self._down += 1
            return code

    async def anew(self, *, kill: bool) -> int | None:
        """End it and begin another; the code that the first ended with, None where it is down, and stays so."""
        async with self._changing:
            if self._down:
                return None
            code = await self._ended(kill=kill, grace_s=STOP_S_MAX)
            await self._begun()
            return code

    async def restart(self, *, kill: bool) -> None:
        """As `anew`, for a step."""
        await self.anew(kill=kill)

    async def _begun(self) -> None:
        raise NotImplementedError  # how it begins is the target's own

    async def _ended(self, *, kill: bool, grace_s: float) -> int | None:
        raise NotImplementedError  # how it ends, too


class Processes:
    """The process seam of a live run (`harness.rig.ProcessSeam`); what two faults do at once lasts until both have gone."""

    def __init__(self, target: Ended, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder
        self._paused: Counter[int] = Counter()
        self._hearing = 0
        self._limits: dict[int, tuple[int, int]] = {}
        self._starved: dict[object, dict[int, int]] = {}

    @asynccontextmanager
    async def down(
        self, fault: str, *, kill: bool, grace_s: float = 10.0, mends: bool = False
    ) -> AsyncIterator[None]:
        """End it on entry, by SIGKILL or by SIGTERM with SIGKILL after `grace_s`; start it again on exit.

        What `mends` is no firing. One that another fault has ended already is no firing, and no outage of its own: it stays away until both go.
        """
        began_s = self._recorder.now()
        code = await self._target.end(kill=kill, grace_s=grace_s)
        if code is not None:
            if not mends:
                self._recorder.fired(fault, f"the process ended with {code}")
            how = "killed" if kill else "terminated"
            self._outage = Outage(at_s=began_s, ended_s=began_s, fault=fault, how=how, exit_code=code)
        try:
            yield
        finally:
            if await self._target.begin():
                self._recorder.records.append(replace(self._outage, ended_s=self._recorder.now()))

    async def stillborn(self, fault: str, *, grace_s: float) -> None:
        """While it is down, start one that is sent SIGTERM before it listens, and SIGKILL after `grace_s`.

        Raises:
            InvalidRun: it does not start, as it did before.
        """
        began_s = self._recorder.now()
        try:
            code = await self._target.stillborn(grace_s=grace_s)
        except UsageError as error:
            raise InvalidRun(f"{fault}: no process that could be ended in its start-up: {error}") from error
        self._recorder.fired(fault, f"a process was told to end in its start-up, and ended with {code}")
        ended_s = self._recorder.now()
        self._recorder.records.append(
            Outage(at_s=began_s, ended_s=ended_s, fault=fault, how="terminated", exit_code=code)
        )

    @asynccontextmanager
    async def paused(self, fault: str) -> AsyncIterator[None]:
        """SIGSTOP on entry, SIGCONT on exit; one that has ended meanwhile is nobody to signal."""
        began_s = self._recorder.now()
        child = self._target.child
        if child.line.closed:
            yield
            return
        pid = child.process.pid
        self._paused[pid] += 1
        if not self._hearing:
            child.signal(signal.SIGSTOP)
        self._recorder.fired(fault, f"process {pid} was stopped")
        try:
            yield
        finally:
            self._paused[pid] -= 1
            if not self._paused[pid] and not child.line.closed:
                child.signal(signal.SIGCONT)
            ended_s = self._recorder.now()
            self._recorder.records.append(
                Outage(at_s=began_s, ended_s=ended_s, fault=fault, how="paused", exit_code=None)
            )

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """One that is paused goes on within the block, so that it can answer its harness; then it is stopped again."""
        child = self._target.child
        pid = child.process.pid
        self._hearing += 1
        try:
            if self._paused[pid] and not child.line.closed:
                child.signal(signal.SIGCONT)
            yield
        finally:
            self._hearing -= 1
            if self._paused[pid] and not self._hearing and not child.line.closed:
                child.signal(signal.SIGSTOP)

    @contextmanager
    def still(self) -> Iterator[None]:
        """No thread of it runs within the block, which is to last no longer than a moment."""
        child = self._target.child
        if child.line.closed:
            yield
            return
        pid = child.process.pid
        child.signal(signal.SIGSTOP)
        try:
            until_s = time.monotonic() + STILL_S_MAX
            while any(map(_runs, members(pid))) and time.monotonic() < until_s:
                time.sleep(LOOK_S)  # no event tells of another process's threads
            yield
        finally:
            if self._hearing or not self._paused[pid]:
                child.signal(signal.SIGCONT)

    @asynccontextmanager
    async def starved(self, fault: str, descriptors: int) -> AsyncIterator[None]:
        """Let it open no more than so many descriptors beside those that it has; put the limit back on exit.

        It has fired where a new connection to it goes unanswered, which is tried.

        Raises:
            InvalidRun: the system has no such limit for it.
        """
        key, asked = object(), self._starved
        asked[key] = wanted = dict[int, int]()
        try:
            try:
                for pid in members(self._target.child.process.pid):
                    with contextlib.suppress(ProcessLookupError):  # one that has just ended
                        self._limits.setdefault(pid, resource.prlimit(pid, resource.RLIMIT_NOFILE))
                        wanted[pid] = descriptors_limit(pid, descriptors)
                        self._limit(pid)
            except (ValueError, PermissionError) as error:
                raise InvalidRun(
                    f"{fault}: {error}; this system does not let its limits be changed"
                ) from error
            if wanted and await self._unanswered():
                self._recorder.fired(fault, "a new connection was not answered")
            yield
        finally:
            del asked[key]
            for pid in wanted:
                self._limit(pid)

    def _limit(self, pid: int) -> None:
        """Put the least limit on a process that any fault of now asks for, or its own where none does."""
        soft, hard = self._limits[pid]
        asked = [wanted[pid] for wanted in self._starved.values() if pid in wanted]
        if not asked:
            del self._limits[pid]
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (min([soft, *asked]), hard))

    async def _unanswered(self) -> bool:
        """Whether a client that comes anew is left without an answer."""
        asking = Outgoing(method="GET", path="/", headers={"connection": "close"})
        async with HttpClient.opened() as stranger:
            answer = await stranger.send(self._target.base_url, asking, leave_after_s=NO_ANSWER_S)
        return answer.status is None or answer.status == HTTPStatus.SERVICE_UNAVAILABLE


def _runs(pid: int) -> bool:
    """Whether a thread of a process runs, or could (proc(5), stat); not where it has ended."""
    with contextlib.suppress(OSError):
        states = [
            (task / "stat").read_text().rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        return not set(states) <= {"T", "Z", "X"}
    return False
