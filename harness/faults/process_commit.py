"""A process is struck while it commits: what it commits is held until then, in the process itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.endings import first_ended
from harness.faults.base import ONCE
from harness.faults.process_points import Blow, Strike
from harness.faults.store_base import COMMIT, Scene, StoreFault
from harness.inside import Operation, StoreRule
from harness.rig import InsideSeam, Rig, Window

HELD_S_MAX = 5.0
"""A commit that nobody strikes at goes on after this."""

LOOK_S = 0.02
"""So often it is seen whether a commit is held: nobody else tells of what goes on in the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCommit(StoreFault):
    """The first commit stands still, with all of its transaction written and none of it there for anybody."""

    name: ClassVar[str] = "process.kill"

    window: Window = ONCE

    def _rule(self, scene: Scene) -> StoreRule:
        def hold(operation: Operation, do: Callable[[], Any]) -> Any:
            scene.fired(operation, "held, so that the process is killed in it")
            scene.over.wait(HELD_S_MAX)
            return do()

        return scene.on((COMMIT,), hold)


@asynccontextmanager
async def struck_in_commit(rig: Rig, fault: str, *, down_s: float, blow: Blow) -> AsyncIterator[None]:
    """While open, enter `blow` at the first commit, and leave it `down_s` later, or at the end where that is first."""
    inside = rig.inside
    assert inside is not None  # a target that has no inside is not put under what needs one
    async with AsyncExitStack() as held:
        await held.enter_async_context(inside.entered(fault, HeldCommit()))

        @asynccontextmanager
        async def without_its_hold() -> AsyncIterator[None]:
            async with blow():
                await held.aclose()  # the process that comes next commits as ever
                yield

        strike = Strike(rig.clock, down_s, without_its_hold)
        async with strike.going_on(_in_commit(rig, inside, fault, strike)):
            yield


async def _in_commit(rig: Rig, inside: InsideSeam, fault: str, strike: Strike) -> None:
    """Wait for the commit, and strike."""
    while not (strike.over.is_set() or await inside.has_fired(fault)):
        await first_ended(rig.clock.sleep(LOOK_S), strike.over.wait())
    # Also where the window has just ended: what is held and not struck would count as fired.
    if await inside.has_fired(fault):
        await strike.at_once()
