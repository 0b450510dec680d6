"""What a check of a profile looks for within the target's process: faults that break nothing, and fire where it is there."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from harness.errors import UsageError
from harness.inside import Inside, takes_message
from harness.rig import Rig
from harness.targets.child import imported
from harness.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Breaks nothing: it fires where `what` is there."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset({"inside"})

    what: str
    window: Window = field(default_factory=Window)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Look, from within.

        Raises:
            UsageError: there is no way into the target's process.
        """
        if rig.inside is None:
            raise UsageError(f"{self.name} looks into the target's process; name its app in the profile")
        return rig.inside.entered(self.name, self)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Look once."""
        if self.is_there(inside):
            inside.fired(self.what)
        yield

    def is_there(self, inside: Inside) -> bool:
        """Whether it is."""
        raise NotImplementedError  # each has its own: this class is none by itself


class WorkerSought(Sought):
    """A thread or a task of the process is called so."""

    name: ClassVar[str] = "profile.worker"

    def is_there(self, inside: Inside) -> bool:
        """Look through the threads and tasks that there are now."""
        threads = {thread.name for thread in threading.enumerate()}
        return self.what in threads | {task.get_name() for task in asyncio.all_tasks(inside.loop)}


class EntrySought(Sought):
    """A function of a message can be imported by this string."""

    name: ClassVar[str] = "profile.sync_entry"

    def is_there(self, inside: Inside) -> bool:
        """Import it, where the faults will."""
        try:
            return takes_message(imported(inside.sync_entry))
        except (Exception, SystemExit):  # noqa: BLE001  # the user's module may raise anything: then it is not there
            return False
