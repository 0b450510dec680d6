"""What the faults share that work within the target's own process, on its loop or beside it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.inside import Inside
from harness.rig import Rig, Window

T = TypeVar("T")
LOOP_S_MAX = 10.0
"""Within this the target's loop has done what a fault wants of it, or it is not waited for any longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideFault:
    """A fault that is sent into the target's process. `window` says when, and on which of what it meets there."""

    name: ClassVar[str]

    window: Window = ALWAYS

    def within(self, inside: Inside) -> AbstractContextManager[None]:
        """Break on entry, mend on exit, in the target's process and outside its loop's thread."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit.

        Raises:
            UsageError: there is no way into the target's process.
        """
        if rig.inside is None:
            raise UsageError(f"{self.name} works within the target's process; name its app in the profile")
        return rig.inside.entered(self.name, self)


def on_loop(inside: Inside, call: Callable[[], T]) -> Future[T]:
    """Call something on the target's loop, in a task of its own there, and do not wait for it."""

    async def called() -> T:
        return call()

    return asyncio.run_coroutine_threadsafe(called(), inside.loop)
