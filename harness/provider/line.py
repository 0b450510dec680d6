"""The way of one call over the link where there are no sockets: what the toxics that act on it do, on the run's clock."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from harness.endings import first_ended, gone
from harness.provider.pieces import FOR_EVER, cut_off, head_bytes, in_parts, parts_of, sliced
from harness.rig import Clock, Reply
from harness.wire import Applied, Ending, Meeting

REFUSED = "All connection attempts failed"
UNRESOLVED = "[Errno -2] Name or service not known"
CUT = "Server disconnected without sending a response."


@dataclass(frozen=True, slots=True)
class Cut:
    """What ended a call on its way: a fault, by a reset or in order; whether that is `noted` as its firing."""

    fault: str
    reset: bool = False
    noted: bool = True


class Line:
    """One call: it is a connection of its own. It belongs to the loop of its caller.

    `shaped` is told the fault that did something to it. `jitter` is how far off its mean its lateness is, from -1
    to 1. `cut` gets what ends it.
    """

    def __init__(self, name: str, *, clock: Clock, jitter: float, shaped: Callable[[str], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.cut: asyncio.Future[Cut] = self.loop.create_future()
        self._name = name
        self._clock = clock
        self._jitter = jitter
        self._shaped = shaped
        self._meetings: list[Meeting] = []
        self._connecting = False
        self._changed = asyncio.Event()
        self._timers: list[asyncio.Task[None]] = []

    def meet(self, applied: Applied, *, dropping: bool = False) -> None:
        """A toxic acts on it from now on; where it is `dropping`, by throwing its answer away."""
        meeting = Meeting(applied, self._name, self._clock.monotonic())
        self._meetings.append(meeting)
        meeting.dropping = dropping
        if meeting.toxic.after_ms is not None:
            self._timers.append(self.loop.create_task(self._ripen(meeting, meeting.toxic.after_ms / 1000)))
        self._wake()

    def part(self, applied: Applied) -> None:
        """A toxic has gone; what it swallowed something of is reset."""
        lifted = [one for one in self._meetings if one.applied is applied]
        self._meetings = [one for one in self._meetings if one.applied is not applied]
        if any(one.swallowed for one in lifted):
            self.end(Cut(applied.fault, reset=True))
        self._wake()

    def end(self, cut: Cut) -> None:
        """End it, if it is not over; where it is still being connected, it sees for itself."""
        if not (self.cut.done() or self._connecting):
            self.cut.set_result(cut)
        self._wake()

    async def leave(self) -> None:
        """It is over."""
        self.cut.cancel()
        if self._timers:
            await gone(*self._timers)

    async def connect(self, request: httpx.Request, refusing: Callable[[], bool]) -> None:
        """Get a connection, or httpx's own error."""
        patience_s = request.extensions.get("timeout", {}).get("connect")
        due_s = None if patience_s is None else self._clock.monotonic() + patience_s
        self._connecting = True
        while True:
            if unresolved := self._which("unresolved"):
                self._note(unresolved, "its name was not found")
                raise httpx.ConnectError(UNRESOLVED, request=request)
            if refusing():
                raise httpx.ConnectError(REFUSED, request=request)
            if not (hanging := self._which("hang")):
                break
            self._note(hanging, "it was not accepted")
            if not await self._change(due_s):
                raise httpx.ConnectTimeout("", request=request)
        self._connecting = False

    async def up(self, request: httpx.Request, body: bytes) -> None:
        """Let the request go up: late, or not to its end.

        Raises:
            httpx.TransportError: it was cut on its way.
        """
        if not self._meetings:
            return
        size = len(body) + sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        await self._late("up", size)
        for one in tuple(self._meetings):
            left = one.left_bytes("up")
            if left is not None and left < size:
                await self._then(one, request)

    async def down(self, request: httpx.Request, reply: Reply, over: Callable[[], Awaitable[None]]) -> Reply:
        """The reply as it comes down, late, and cut where it is to be; `over` is called where no byte of it comes.

        Raises:
            httpx.TransportError: it was cut before its head was there.
        """
        if not self._meetings:
            return reply
        head = head_bytes(reply)
        await self._late("down", head)
        for one in tuple(self._meetings):
            if one.dropping:
                self._note(one, "an answer was dropped")
                await over()
                raise httpx.RemoteProtocolError(CUT, request=request)
            left = one.left_bytes("down")
            if left is not None and left < head:
                await over()
                await self._then(one, request)
            reply = self._bent(one, reply, None if left is None else left - head)
        return reply

    def _bent(self, one: Meeting, reply: Reply, left: int | None) -> Reply:
        """The reply with a body of which only so many bytes pass (None for all), in the pieces that a toxic makes."""
        toxic = one.toxic
        parts = parts_of(reply)
        if left is not None and left < sum(len(part) for part in parts if isinstance(part, bytes)):
            self._note(one, "an answer was cut off")
            one.swallowed = toxic.then == "hole"
            ending = FOR_EVER if one.swallowed else Ending(reset=toxic.then == "reset")
            reply = in_parts(reply, (*cut_off(parts, left), ending))
        longest = max((len(part) for part in parts_of(reply) if isinstance(part, bytes)), default=0)
        if toxic.chunk_bytes is not None and toxic.shapes("down") and longest > toxic.chunk_bytes:
            self._note(one, "bytes were cut into pieces")
            reply = in_parts(reply, sliced(parts_of(reply), toxic.chunk_bytes, toxic.gap_ms / 1000))
        return reply

    def swallows(self) -> bool:
        """Whether what comes down now goes nowhere."""
        holes = [one for one in self._meetings if one.swallows("down")]
        for one in holes:
            one.swallowed = True
            self._note(one, "an answer was swallowed")
        return bool(holes)

    async def _ripen(self, meeting: Meeting, after_s: float) -> None:
        """Let the toxic have its `then` in its time."""
        await self._clock.sleep(after_s)
        meeting.ripe = True
        if meeting.toxic.then != "hole":
            self._note(meeting, "it was cut")
            self.end(Cut(meeting.applied.fault, reset=meeting.toxic.then == "reset"))

    async def _then(self, meeting: Meeting, request: httpx.Request) -> None:
        """Let the toxic have its `then` before a byte has come down."""
        self._note(meeting, "it was cut")
        if meeting.toxic.then == "hole":
            meeting.swallowed = True
            await self.loop.create_future()  # until the client has had enough, or the hole goes
        if meeting.toxic.then == "reset":
            raise httpx.ReadError("", request=request)
        raise httpx.RemoteProtocolError(CUT, request=request)

    async def _late(self, direction: str, size: int) -> None:
        """Take the time that so many bytes take in a direction."""
        late_s = 0.0
        for one in (one for one in self._meetings if one.toxic.shapes(direction)):
            toxic = one.toxic
            own_s = max(0.0, toxic.latency_ms + self._jitter * toxic.jitter_ms) / 1000
            if own_s:
                self._note(one, "bytes came late")
            if toxic.chunk_bytes is not None and size > toxic.chunk_bytes:
                self._note(one, "bytes were cut into pieces")
                own_s += (math.ceil(size / toxic.chunk_bytes) - 1) * toxic.gap_ms / 1000
            late_s += own_s
        if late_s:
            await self._clock.sleep(late_s)

    async def _change(self, due_s: float | None) -> bool:
        """Wait until the toxics change, or it is then; which of both."""
        changed = self._changed
        if due_s is None:
            await changed.wait()
        else:
            await first_ended(changed.wait(), self._clock.sleep(max(0.0, due_s - self._clock.monotonic())))
        return changed.is_set()

    def _which(self, connect: str) -> Meeting | None:
        """The first toxic that does this to a new connection."""
        return next((one for one in self._meetings if one.toxic.connect == connect), None)

    def _note(self, meeting: Meeting, what: str) -> None:
        """Note what was done, once, with the run and with the call."""
        if meeting.note(what):
            self._shaped(meeting.applied.fault)

    def _wake(self) -> None:
        """Let whoever waits look at the toxics again."""
        self._changed.set()
        self._changed = asyncio.Event()
