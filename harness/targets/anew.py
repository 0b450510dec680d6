"""The process seam of a simulated run: there is no process, but the app can be ended and begun again (`rig.ProcessSeam`)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from harness.errors import UsageError
from harness.history import Outage
from harness.rig import Another
from harness.targets.driven import Recorder


class Ended(Protocol):
    """An app that can be ended and begun again."""

    async def end(self) -> None:
        """Shut it down."""

    async def begin(self) -> None:
        """Build it again on the same store."""


class Anew:
    """Ends the app and begins it again."""

    def __init__(self, target: Ended, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder

    @asynccontextmanager
    async def down(
        self,
        fault: str,
        *,
        kill: bool,
        grace_s: float = 10.0,  # noqa: ARG002  # the app has its own
        mends: bool = False,
    ) -> AsyncIterator[None]:
        """Shut the app down on entry, build it again on exit; what `mends` is no firing.

        Raises:
            UsageError: it is to be killed: a thread of it, such as a store's writer, could not be stopped dead.
        """
        if kill:
            raise needs_a_process("SIGKILL")
        began_s = self._recorder.now()
        await self._target.end()
        if not mends:
            self._recorder.fired(fault, "the app was shut down")
        try:
            yield
        finally:
            await self._target.begin()
            ended_s = self._recorder.now()
            self._recorder.records.append(
                Outage(at_s=began_s, ended_s=ended_s, fault=fault, how="terminated")
            )

    async def stillborn(self, fault: str, *, grace_s: float) -> None:  # noqa: ARG002  # there is nothing to signal
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise needs_a_process("SIGTERM")

    def paused(self, fault: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # there is nothing to pause
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise needs_a_process("SIGSTOP")

    def starved(self, fault: str, descriptors: int) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the same
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise needs_a_process("a limit of descriptors")

    def another(self, fault: str) -> AbstractAsyncContextManager[Another]:  # noqa: ARG002  # the same
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise needs_a_process("a second process")

    def hurried(self, fault: str, share: float) -> AbstractAsyncContextManager[float]:  # noqa: ARG002  # the same
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise needs_a_process("a deadline of its own")


def needs_a_process(what: str) -> UsageError:
    """What is said of a fault that a simulated run has nothing for."""
    return UsageError(f"{what} needs a process: play it live")
