"""What a fault may do to the target's process: end it and start it again, stop it and let it go on, give it less."""

import contextlib
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    """The process seam of a live run (`harness.rig.ProcessSeam`)."""

    def __init__(self, target: Ended, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder

    @asynccontextmanager
    async def down(self, fault: str, *, kill: bool, grace_s: float = 10.0) -> AsyncIterator[None]:
        """End it on entry, by SIGKILL or by SIGTERM with SIGKILL after `grace_s`; start it again on exit."""
        began_s = self._recorder.now()
        code = await self._target.end(kill=kill, grace_s=grace_s)
        self._recorder.fired(fault, f"the process ended with {code}")
        try:
            yield
        finally:
            await self._target.begin()
            self._note(fault, "killed" if kill else "terminated", began_s, exit_code=code)

    @asynccontextmanager
    async def paused(self, fault: str) -> AsyncIterator[None]:
        """SIGSTOP on entry, SIGCONT on exit."""
        began_s = self._recorder.now()
        child = self._target.child
        child.signal(signal.SIGSTOP)
        self._recorder.fired(fault, f"process {child.process.pid} was stopped")
        try:
            yield
        finally:
            child.signal(signal.SIGCONT)
            self._note(fault, "paused", began_s)

    @asynccontextmanager
    async def starved(self, fault: str, descriptors: int) -> AsyncIterator[None]:
        """Let it open no more than so many descriptors beside those that it has; put the limit back on exit.

        It has fired where a new connection to it goes unanswered, which is tried.

        Raises:
            InvalidRun: the system has no such limit for it.
        """
        before: dict[int, tuple[int, int]] = {}
        try:
            for pid in members(self._target.child.process.pid):
                soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                before[pid] = (soft, hard)
                most = min(hard, descriptors_limit(pid, descriptors))
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
            if await self._unanswered():
                self._recorder.fired(fault, "a new connection was not answered")
            yield
        except (ValueError, PermissionError) as error:
            raise InvalidRun(f"{fault}: {error}; this system does not let its limits be changed") from error
        finally:
            for pid, limits in before.items():
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    async def _unanswered(self) -> bool:
        """Whether a client that comes anew is left without an answer."""
        asking = Outgoing(method="GET", path="/", headers={"connection": "close"})
        async with HttpClient.opened() as stranger:
            answer = await stranger.send(self._target.base_url, asking, leave_after_s=NO_ANSWER_S)
        return answer.status is None or answer.status == HTTPStatus.SERVICE_UNAVAILABLE

    def _note(self, fault: str, how: str, began_s: float, *, exit_code: int | None = None) -> None:
        self._recorder.records.append(
            Outage(at_s=began_s, ended_s=self._recorder.now(), fault=fault, how=how, exit_code=exit_code)
        )
