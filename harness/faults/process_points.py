"""When a process is struck: in the midst of a request, as the provider's calls tell, or as its window opens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from harness.faults.base import ALWAYS
from harness.faults.provider_wire import after_events, framed, parts_of, stream
from harness.rig import Answer, Call, Clock, Reply, Rig, Rule
from harness.wire import Pause

MID_REQUEST, MID_STREAM, BETWEEN_TURNS = POINTS = ("mid_request", "mid_stream", "between_turns")

SIGNALLED_S = 0.2
"""So long a process has to hear its signal, before the calls that were held for that are answered."""

TAKEN_S = 0.05
"""So long after a call came, or was answered, all requests of its time are taken up, and half of a stream is shown."""

STREAM_S = 0.5
"""So long a stream stands still in its middle; who comes to strike later than that has missed it."""

Blow = Callable[[], AbstractAsyncContextManager[None]]


def needs_of_point(point: str) -> frozenset[str]:
    """The capabilities of a target without which there is no such point."""
    return {
        MID_REQUEST: frozenset({"provider"}),
        MID_STREAM: frozenset({"provider", "streams", "provider_streams"}),
    }.get(point, frozenset())


@asynccontextmanager
async def struck(rig: Rig, fault: str, point: str, blow: Blow) -> AsyncIterator[None]:
    """While open, enter `blow` at the first such point; it is left at the end. Where none comes, nothing is struck."""
    if point == BETWEEN_TURNS:
        async with blow():
            yield
        return
    moment = _Moment(rig.clock, point)
    async with (
        AsyncExitStack() as held,
        rig.provider.wrapped(fault, moment.rule(), ALWAYS, on_wire=True, tells=True),
    ):
        striking = asyncio.ensure_future(moment.strike(held, blow))
        try:
            yield
        finally:
            await moment.over(striking)


class _Moment:
    """The first such point of a run: it comes, and then it is past."""

    def __init__(self, clock: Clock, point: str) -> None:
        self._clock = clock
        self._point = point
        self._come, self._past = asyncio.Event(), asyncio.Event()
        self._until_s = 0.0

    def rule(self) -> Rule:
        """What waits for the blow: a call without its answer, or a stream in its middle."""
        return stream(self._stood_still) if self._point == MID_STREAM else self._held

    async def _held(self, call: Call, answer: Answer) -> Reply:
        """Answer a call when the blow was struck."""
        reply = await answer(call)
        self._come.set()
        await self._past.wait()
        return reply

    def _stood_still(self, reply: Reply) -> Reply:
        """A stream with a pause in it, as long as the blow may still come."""
        if self._past.is_set():
            return reply
        self._until_s = self._until_s or self._clock.monotonic() + STREAM_S
        self._come.set()
        parts = parts_of(reply)
        place = after_events(parts, len(parts) // 2)
        return framed(reply, *parts[:place], Pause(for_s=STREAM_S), *parts[place:])

    async def strike(self, held: AsyncExitStack, blow: Blow) -> None:
        """Enter the blow when the moment has come, and have the calls answered when it is felt."""
        await self._come.wait()
        await self._clock.sleep(TAKEN_S)
        if self._point == MID_STREAM and self._clock.monotonic() >= self._until_s:
            return
        striking = asyncio.ensure_future(held.enter_async_context(blow()))
        try:
            await self._clock.sleep(SIGNALLED_S)
        finally:
            self._past.set()
            await striking

    async def over(self, striking: "asyncio.Task[None]") -> None:
        """Wait for the end of a blow that was begun; one whose moment has not come is off."""
        if self._come.is_set():
            await striking
        else:
            striking.cancel()
            await asyncio.wait({striking})
