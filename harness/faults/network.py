"""The link between the service and its provider refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.contract import Contract
from harness.endings import first_ended
from harness.faults.base import ALWAYS, check_whole
from harness.faults.network_holds import recovers_in_between, told_once
from harness.registry import Invariant, fault
from harness.rig import Rig, Window, check
from harness.variants import chosen


@fault("network.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRefused:
    """Nothing listens where the provider was: its connections end, and connecting is refused by the wire itself.

    Each connection that is refused is a firing, and each that is cut with a call on its way, or for which another one is
    opened later. Over TCP it is Linux that refuses, and it tells of
    the client's socket as that goes, whoever that client is. It does not where a client waits for its connection
    without a time; in a service of which the harness holds the app that is seen within its process
    (`harness.within.connects`), and of any other it is not seen.

    Of `window` only the times count, since it is the whole link or nothing; any other knob is refused.
    """

    name: ClassVar[str]
    link: ClassVar[str] = "provider"
    counted_inside: ClassVar[bool] = True  # what only the target's process sees (harness.within.connects)
    holds: ClassVar[tuple[Invariant, ...]] = (told_once,)

    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        return rig.network.refused(self.name)


SETTLED_S = 4.0
"""So much longer than a service may take to be well again it is whole: turns have to be held within it."""


@fault("network.flap")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFlap:
    """The link refuses for `down_s`, then is whole for `up_s`, `cycles` times over.

    With `settles` it is whole for so much longer as the contract gives a service to be well again, so that it can be
    seen to be well each time.
    What counts as a firing, and what its window may say, is as under network.refused (toxiproxy#404).
    """

    name: ClassVar[str]
    link: ClassVar[str] = "provider"
    counted_inside: ClassVar[bool] = True  # what only the target's process sees (harness.within.connects)
    holds: ClassVar[tuple[Invariant, ...]] = (told_once, recovers_in_between)

    down_s: float = 0.2
    up_s: float = 0.2
    cycles: int = 3
    settles: bool = chosen(False, True)
    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check_whole(self.name, self.window)
        check("down_s", self.down_s, 0.001, 86_400)
        check("up_s", self.up_s, 0.001, 86_400)
        check("cycles", self.cycles, 1, 1_000_000)

    @property
    def drill_also(self) -> str:
        """A drill that waits, where it is to be seen that the service is well each time."""
        return "patient" if self.settles else ""

    def fitted_to(self, contract: Contract, stage: str) -> "NetworkFlap":  # noqa: ARG002  # as long in each
        """The fault for a target under a contract: where it settles, with time enough to be well again."""
        return replace(self, up_s=contract.recovery_s_max + SETTLED_S) if self.settles else self

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Break on entry, mend on exit."""
        over = asyncio.Event()
        async with AsyncExitStack() as refusal:
            await refusal.enter_async_context(rig.network.refused(self.name))
            flapping = asyncio.ensure_future(self._flap(rig, refusal, over))
            try:
                yield
            finally:
                # It is told and not cancelled: half of a mending would be none.
                over.set()
                await asyncio.shield(flapping)

    async def _flap(self, rig: Rig, refusal: AsyncExitStack, over: asyncio.Event) -> None:
        """End the first refusal, and begin and end those that follow."""
        for cycle in range(self.cycles):
            if cycle:
                await refusal.enter_async_context(rig.network.refused(self.name))
            await first_ended(rig.clock.sleep(self.down_s), over.wait())
            await refusal.aclose()
            await first_ended(rig.clock.sleep(self.up_s), over.wait())
            if over.is_set():
                return
