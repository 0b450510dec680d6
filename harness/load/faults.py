"""Faults as phases of a load: armed when a phase begins, healed when it ends, and counted where they fire."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

from harness.errors import InvalidRun, UsageError
from harness.load.options import UNDER_FAULT
from harness.load.phases import Phase, ends_s
from harness.load.plan import Plan
from harness.registry import CAPABILITIES, OBSERVED, needs_of, stages_of
from harness.rig import Fault, Rig
from harness.targets.armed import tagged
from harness.targets.driven import tags
from harness.targets.profile import Profile

STAGE = "live"
BEGIN_S_MAX = 60.0
LOOK_S = 0.02


def check_faults(faults: Sequence[Fault], phases: Sequence[Phase], profile: Profile) -> None:
    """Refuse what cannot be done under load.

    Raises:
        UsageError: a fault is carried out by clients or of another stage, the target lacks what it breaks, or no phase is for it.
    """
    if faults and not any(phase.name.startswith(UNDER_FAULT) for phase in phases):
        raise UsageError(f"the faults of a scenario are there in a phase `{UNDER_FAULT}`: name one so")
    for fault in faults:
        if STAGE not in stages_of(fault):
            raise UsageError(f"{fault.name} is not played {STAGE}, and a load is")
        if fault.name.startswith("client.") or getattr(fault, "by_clients", False):
            raise UsageError(
                f"{fault.name} needs clients that do as it says, and the clients are the load here"
            )
        for need in sorted(needs_of(fault) - profile.capabilities - OBSERVED):
            raise UsageError(
                f"{fault.name} needs {need} ({CAPABILITIES[need]}), which {profile.name} has not"
            )


class Phased:
    """The faults of a run; `arm` works beside it, and is cancelled with it: whatever is broken then is mended."""

    def __init__(self, faults: Sequence[Fault], rig: Rig, plan: Plan) -> None:
        self._faults = [
            (fault, tagged(rig, tag)) for tag, fault in zip(tags(tuple(faults)), faults, strict=True)
        ]
        self._plan = plan

    async def arm(self) -> None:
        """Break at the edge of each phase that is for it, and mend at its other one.

        Raises:
            InvalidRun: the generators did not begin.
        """
        began_s = await self._began()
        edges = (0.0, *ends_s(self._plan.phases))
        for phase, (begin_s, end_s) in zip(self._plan.phases, pairwise(edges), strict=True):
            if not self._faults or not phase.name.startswith(UNDER_FAULT):
                continue
            await asyncio.sleep(began_s + begin_s - time.monotonic())
            async with AsyncExitStack() as broken:
                for fault, rig in self._faults:
                    await broken.enter_async_context(fault.inject(rig))
                await asyncio.sleep(began_s + end_s - time.monotonic())

    async def _began(self) -> float:
        """When the first request was due, in seconds of the machine's monotonic clock."""
        until_s = time.monotonic() + BEGIN_S_MAX
        while time.monotonic() < until_s:
            if (began_s := self._plan.began_s) is not None:
                return began_s
            await asyncio.sleep(LOOK_S)
        raise InvalidRun(f"the generators did not begin within {BEGIN_S_MAX:g} s")
