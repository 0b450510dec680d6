"""The link between the service and its provider is broken."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.registry import fault
from harness.rig import Rig, Window


@fault("network.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRefused:
    """Nothing listens where the provider was: its connections end, and connecting is refused by the wire itself.

    In process each refused connection and each call that is cut is a firing. Over TCP the kernel refuses and tells
    nobody, so there each open connection that is cut is one: a service with a pool has some, kept from its warm-up;
    under one that opens a connection for every call the fault is never seen to fire, and the run is invalid.

    A link knows no calls, so of `window` only the steps count; any other knob is refused.
    """

    name: ClassVar[str]

    window: Window = ALWAYS

    def __post_init__(self) -> None:
        if self.window != Window(from_step=self.window.from_step, until_step=self.window.until_step):
            raise UsageError(
                "network.refused: a link knows no calls; its window takes from_step and until_step"
            )

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        return rig.network.refused(self.name)
