"""When a process is struck: in the midst of a request, as the provider's calls tell, or as its window opens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from harness.endings import first_ended, to_its_end
from harness.faults.base import ALWAYS
from harness.faults.provider_wire import after_events, framed, parts_of, stream
from harness.rig import Answer, Call, Clock, Reply, Rig, Rule
from harness.wire import Pause

MID_REQUEST, MID_STREAM, BETWEEN_TURNS = POINTS = ("mid_request", "mid_stream", "between_turns")
IN_COMMIT, IN_STARTUP = "in_commit", "in_startup"

SIGNALLED_S = 0.2
"""So long after the order a process has to hear its signal, before the calls that were held for that are answered."""

TAKEN_S = 0.05
"""So long after a call came all requests of its time are taken up; after a piece of a stream was sent, it is shown."""

STREAM_S = 0.5
"""So long a stream stands still in its middle; whoever comes to strike later than that waits for the next one."""

HIDDEN = 3
"""At least so many events of a stream lie behind its middle: a piece, the reason of its end, and the end itself."""

Blow = Callable[[], AbstractAsyncContextManager[None]]


def needs_of_point(point: str) -> frozenset[str]:
    """The capabilities of a target without which there is no such point."""
    return {
        MID_REQUEST: frozenset({"provider"}),
        MID_STREAM: frozenset({"provider", "streams", "provider_streams"}),
        IN_COMMIT: frozenset({"store", "inside"}),
        IN_STARTUP: frozenset({"inside"}),
    }.get(point, frozenset())


@asynccontextmanager
async def struck(rig: Rig, fault: str, point: str, *, down_s: float, blow: Blow) -> AsyncIterator[None]:
    """While open, enter `blow` at the first such point, and leave it `down_s` later, or at the end where that is first.

    Where no such point comes nothing is struck, and nothing has fired. The middle of a stream is where it would be if
    nothing else held it up on its way and its reader were still there: a rule is not told what becomes of its answer.
    """
    strike = Strike(rig.clock, down_s, blow)
    if point in (BETWEEN_TURNS, IN_STARTUP):
        async with strike.going_on(strike.at_once()):
            await strike.entered()
            yield
        return
    moment = _Moment(rig.clock, point, strike.over)
    async with (
        rig.provider.wrapped(fault, moment.rule(), ALWAYS, on_wire=True, tells=True),
        strike.going_on(strike.at(moment)),
    ):
        yield


class _Moment:
    """What is waited for: it comes, the blow falls, and then it is past."""

    def __init__(self, clock: Clock, point: str, over: asyncio.Event) -> None:
        self._clock, self._point, self._over = clock, point, over
        self._come, self._past = asyncio.Event(), asyncio.Event()
        self._waiting = 0
        self._middles: list[tuple[float, float]] = []

    def rule(self) -> Rule:
        """What waits for the blow: a call without its answer, or a stream in its middle."""
        return stream(self._stood_still) if self._point == MID_STREAM else self._held

    async def _held(self, call: Call, answer: Answer) -> Reply:
        """Answer a call when the blow was struck; it counts from when it came, also where another fault holds it up."""
        if self._past.is_set():
            return await answer(call)
        self._waiting += 1
        self._come.set()
        try:
            reply = await answer(call)
            await self._past.wait()
        finally:
            self._waiting -= 1
        return reply

    def _stood_still(self, reply: Reply) -> Reply:
        """A stream with a pause when most of it was sent, as long as the blow may still come.

        Half is too little: a service may show nothing before it has read of a structured answer what it judges it by.
        """
        parts = parts_of(reply)
        events = sum(isinstance(part, bytes) for part in parts)
        if self._past.is_set() or events < 2:  # noqa: PLR2004  # one event has no middle
            return reply
        place = after_events(parts, max(1, events - max(HIDDEN, events // 4)))
        there_s = self._clock.monotonic() + sum(
            part.for_s for part in parts[:place] if isinstance(part, Pause)
        )
        self._middles.append((there_s + TAKEN_S, there_s + STREAM_S))
        self._come.set()
        return framed(reply, *parts[:place], Pause(for_s=STREAM_S), *parts[place:])

    async def comes(self) -> bool:
        """Wait for one that can still be struck; False where the window is over before."""
        while not self._over.is_set():
            waits: list[Coroutine[Any, Any, Any]] = [self._come.wait(), self._over.wait()]
            if self._middles:
                waits.append(self._clock.sleep(min(self._middles)[0] - self._clock.monotonic()))
            await first_ended(*waits)
            if self._come.is_set() and self._point == MID_REQUEST:
                await first_ended(self._clock.sleep(TAKEN_S), self._over.wait())
            self._come.clear()
            now_s = self._clock.monotonic()
            self._middles = [middle for middle in self._middles if now_s < middle[1]]
            if self._waiting or any(from_s <= now_s for from_s, _ in self._middles):
                return not self._over.is_set()
        return False

    def pass_by(self) -> None:
        """Let go of whatever waits, and of what comes later."""
        self._past.set()


class Strike:
    """One blow, which takes its time, and is mended whatever becomes of who ordered it."""

    def __init__(self, clock: Clock, down_s: float, blow: Blow) -> None:
        self._clock, self._down_s, self._blow = clock, down_s, blow
        self._entered = asyncio.Event()
        self._striking: asyncio.Future[None] | None = None
        self.over = asyncio.Event()

    @asynccontextmanager
    async def going_on(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Have it done beside the block; at the end nothing is waited for but that what was broken is mended."""
        self._striking = asyncio.ensure_future(work)
        try:
            yield
        finally:
            self.over.set()
            await to_its_end(_done(self._striking))

    async def entered(self) -> None:
        """Wait until the blow has fallen; where it could not, that comes out here."""
        await self._entered.wait()
        if self._striking is not None and self._striking.done():
            await self._striking

    async def at_once(self) -> None:
        """Strike, and mend it when its time or the window is over."""
        try:
            async with self._blow():
                self._entered.set()
                await first_ended(self._clock.sleep(self._down_s), self.over.wait())
        finally:
            self._entered.set()

    async def at(self, moment: _Moment) -> None:
        """Strike when the moment has come, and have what waits for it let go when the signal is felt."""
        striking: asyncio.Task[None] | None = None
        try:
            if await moment.comes():
                striking = asyncio.ensure_future(self.at_once())
                await first_ended(self._clock.sleep(SIGNALLED_S), self._entered.wait())
        finally:
            moment.pass_by()
        if striking is not None:
            await striking


async def _done(task: "asyncio.Future[None]") -> None:
    await task
