"""What the faults of the network's plane share."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.rig import Rig, Window
from harness.wire import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault:
    """A fault of a link: what it does to the connections that `window` lets through, or in process to the calls.

    `link` is where a proxy has to stand in a live run.
    """

    name: ClassVar[str]
    link: ClassVar[str] = "provider"

    window: Window = ALWAYS

    def __post_init__(self) -> None:
        """Refuse knobs that no link could have.

        Raises:
            UsageError: one is out of its range; the message says which.
        """
        if self.window.level is not None:
            raise UsageError(f"{self.name}: a link knows no levels; leave level out of its window")
        self._toxic()

    def _toxic(self) -> Toxic:
        """What it does."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        return rig.network.shaped(self.name, self._toxic(), self.window, link=self.link)
