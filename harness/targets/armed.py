"""Faults in place: each armed and healed at the edges of its window, and each known to the seams by a tag of its own."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

from harness.endings import first_ended
from harness.rig import (
    Another,
    ClientRule,
    ClientSeam,
    Entering,
    Fault,
    InsideSeam,
    InstanceSeam,
    LogSeam,
    NetworkSeam,
    ProcessSeam,
    ProviderSeam,
    Rig,
    Rule,
    Window,
)
from harness.targets.driven import tags
from harness.wire import Toxic


class Armed:
    """The faults of a job, each armed and healed at the steps, and the seconds within them, that its window names."""

    def __init__(self, faults: tuple[Fault, ...], rig: Rig, last: int) -> None:
        self._faults = tuple(
            _Life(fault, tagged(rig, tag)) for tag, fault in zip(tags(faults), faults, strict=True)
        )
        self._last = last

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Mend whatever is still broken, all of it, also where mending one fails."""
        async with AsyncExitStack() as rest:
            for life in self._faults:
                rest.push_async_callback(life.end)

    async def before(self, step: int) -> None:
        """Arm what begins with this step."""
        for life in self._faults:
            if life.window.from_step == step:
                await life.begin()

    async def after(self, step: int) -> None:
        """Heal what ends with this step."""
        for life in self._faults:
            until = life.window.until_step
            if step == (self._last if until is None else until):
                await life.end()


class _Life:
    """One fault: not yet armed, armed, healed."""

    def __init__(self, fault: Fault, rig: Rig) -> None:
        self.window = fault.window
        self._fault = fault
        self._rig = rig
        self._stack = AsyncExitStack()
        self._timed: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def begin(self) -> None:
        """Arm it, now or when its seconds say."""
        if not self.window.at_s:
            await self._enter()
        if self.window.at_s or self.window.for_s is not None:
            self._timed = asyncio.ensure_future(self._seconds())

    async def _seconds(self) -> None:
        """Arm and heal it in its time, unless its last step ends before."""
        if self.window.at_s:
            if not await self._waited(self.window.at_s):
                return
            await self._enter()
        if self.window.for_s is not None and await self._waited(self.window.for_s):
            await self._stack.aclose()

    async def _waited(self, seconds: float) -> bool:
        """Wait; False where its last step ended before."""
        await first_ended(self._over.wait(), self._rig.clock.sleep(seconds))
        return not self._over.is_set()

    async def _enter(self) -> None:
        await self._stack.enter_async_context(self._fault.inject(self._rig))

    async def end(self) -> None:
        """Heal it, if that is still to be done; what went wrong while it was armed or healed comes out here.

        Only its waiting is cut short: what breaks or mends, such as a process that is being started, comes to its end.
        """
        timed, self._timed = self._timed, None
        self._over.set()
        try:
            if timed is not None:
                await _done(timed)
        finally:
            await self._stack.aclose()


async def _done(task: "asyncio.Task[None]") -> None:
    """Wait for its end, also where the one who waits is cancelled; raise what it failed with."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
    task.result()


@dataclass(frozen=True, slots=True)
class _Provider:
    """The provider, for one fault: whatever it puts there fires under the fault's tag."""

    seam: ProviderSeam
    tag: str

    def wrapped(
        self,
        fault: str,  # noqa: ARG002  # the tag stands for it
        rule: Rule,
        window: Window,
        *,
        on_wire: bool = False,
        tells: bool = False,
    ) -> AbstractAsyncContextManager[None]:
        """Put the rule there under the tag."""
        return self.seam.wrapped(self.tag, rule, window, on_wire=on_wire, tells=tells)


@dataclass(frozen=True, slots=True)
class _Network:
    """The network, for one fault."""

    seam: NetworkSeam
    tag: str

    def refused(self, fault: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Refuse under the tag."""
        return self.seam.refused(self.tag)

    def shaped(
        self,
        fault: str,  # noqa: ARG002  # the tag stands for it
        toxic: Toxic,
        window: Window,
        *,
        link: str = "provider",
    ) -> AbstractAsyncContextManager[None]:
        """Shape the link under the tag."""
        return self.seam.shaped(self.tag, toxic, window, link=link)


@dataclass(frozen=True, slots=True)
class _Inside:
    """The inside of the target, for one fault."""

    seam: InsideSeam
    tag: str

    def entered(self, fault: str, entering: Entering) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Enter under the tag."""
        return self.seam.entered(self.tag, entering)

    async def has_fired(self, fault: str) -> bool:  # noqa: ARG002  # the tag stands for it
        """Whether it has noted anything yet."""
        return await self.seam.has_fired(self.tag)


@dataclass(frozen=True, slots=True)
class _Process:
    """The process, for one fault."""

    seam: ProcessSeam
    tag: str

    def down(
        self,
        fault: str,  # noqa: ARG002  # the tag stands for it
        *,
        kill: bool,
        grace_s: float = 10.0,
        mends: bool = False,
    ) -> AbstractAsyncContextManager[None]:
        """Take it down under the tag."""
        return self.seam.down(self.tag, kill=kill, grace_s=grace_s, mends=mends)

    async def stillborn(self, fault: str, *, grace_s: float) -> None:  # noqa: ARG002  # the tag stands for it
        """Have one end in its start-up under the tag."""
        await self.seam.stillborn(self.tag, grace_s=grace_s)

    def paused(self, fault: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Pause it under the tag."""
        return self.seam.paused(self.tag)

    def starved(self, fault: str, descriptors: int) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Starve it under the tag."""
        return self.seam.starved(self.tag, descriptors)


@dataclass(frozen=True, slots=True)
class _Instances:
    """The processes, for one fault."""

    seam: InstanceSeam
    tag: str

    def another(self, fault: str) -> AbstractAsyncContextManager[Another]:  # noqa: ARG002  # the tag stands for it
        """Put another beside it under the tag."""
        return self.seam.another(self.tag)

    def hurried(self, fault: str, share: float) -> AbstractAsyncContextManager[float]:  # noqa: ARG002  # the tag stands for it
        """Hurry it under the tag."""
        return self.seam.hurried(self.tag, share)


@dataclass(frozen=True, slots=True)
class _Clients:
    """The clients, for one fault."""

    seam: ClientSeam
    tag: str

    def wrapped(
        self,
        fault: str,  # noqa: ARG002  # the tag stands for it
        rule: ClientRule,
        window: Window,
        *,
        tells: bool = False,
    ) -> AbstractAsyncContextManager[None]:
        """Put the rule there under the tag."""
        return self.seam.wrapped(self.tag, rule, window, tells=tells)


@dataclass(frozen=True, slots=True)
class _Log:
    """The log file of the target, for one fault."""

    seam: LogSeam
    tag: str

    def rotated(self, fault: str, *, how: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # the tag stands for it
        """Rotate it under the tag."""
        return self.seam.rotated(self.tag, how=how)


def tagged(rig: Rig, tag: str) -> Rig:
    """The rig for one fault, so that two of the same name are counted apart."""
    return replace(
        rig,
        provider=_Provider(rig.provider, tag),
        network=_Network(rig.network, tag),
        inside=rig.inside and _Inside(rig.inside, tag),
        process=rig.process and _Process(rig.process, tag),
        instances=rig.instances and _Instances(rig.instances, tag),
        client=rig.client and _Clients(rig.client, tag),
        log=rig.log and _Log(rig.log, tag),
    )
