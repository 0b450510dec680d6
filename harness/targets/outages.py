"""What a fault may do to the target's process: end it and start it again, stop it and let it go on, give it less."""

import asyncio
import contextlib
import resource
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Protocol

from harness.errors import InvalidRun
from harness.history import Outage
from harness.rig import Outgoing
from harness.targets.driven import Recorder
from harness.targets.http_client import HttpClient
from harness.targets.started import Child
from harness.targets.system import descriptors_limit, members

NO_ANSWER_S = 0.3
"""How long a process that can open nothing more is listened to, until it is plain that it does not answer."""


class Ended(Protocol):
    """A target whose process can be ended and begun again."""

    @property
    def child(self) -> Child:
        """The process that is there now."""

    @property
    def base_url(self) -> str:
        """Where it listens."""

    async def end(self, *, kill: bool, grace_s: float) -> int | None:
        """End it; the code that it ended with."""

    async def begin(self) -> None:
        """Begin another on the same store."""


class Processes:
    """The process seam of a live run (`harness.rig.ProcessSeam`); what two faults do at once lasts until both have gone."""

    def __init__(self, target: Ended, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder
        self._changing = asyncio.Lock()
        self._down = 0
        self._paused: Counter[int] = Counter()
        self._limits: dict[int, tuple[int, int]] = {}
        self._starved: dict[object, dict[int, int]] = {}

    @asynccontextmanager
    async def down(self, fault: str, *, kill: bool, grace_s: float = 10.0) -> AsyncIterator[None]:
        """End it on entry, by SIGKILL or by SIGTERM with SIGKILL after `grace_s`; start it again on exit.

        One that another fault has ended already is no firing, and no outage of its own: it stays away until both go.
        """
        async with self._changing:
            if not self._down:
                began_s = self._recorder.now()
                code = await self._target.end(kill=kill, grace_s=grace_s)
                self._recorder.fired(fault, f"the process ended with {code}")
                how = "killed" if kill else "terminated"
                self._outage = Outage(at_s=began_s, ended_s=began_s, fault=fault, how=how, exit_code=code)
            self._down += 1
        try:
            yield
        finally:
            async with self._changing:
                self._down -= 1
                if not self._down:
                    await self._target.begin()
                    self._recorder.records.append(replace(self._outage, ended_s=self._recorder.now()))

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
            for pid in members(self._target.child.process.pid):
                self._limits.setdefault(pid, resource.prlimit(pid, resource.RLIMIT_NOFILE))
                wanted[pid] = descriptors_limit(pid, descriptors)
                self._limit(pid)
            if wanted and await self._unanswered():
                self._recorder.fired(fault, "a new connection was not answered")
            yield
        except (ValueError, PermissionError) as error:
            raise InvalidRun(f"{fault}: {error}; this system does not let its limits be changed") from error
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
