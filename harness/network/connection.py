"""One connection through a proxy: two sockets, a pipe in each direction, and what the toxics do to it."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from harness.network.pipe import Pipe
from harness.wire import Applied, Meeting, Passage

LINGER_S = 1.0
"""How long an end that was told of the close, in order, may take to close its own side."""

LOOK_S = 0.002
"""How often a connection is looked at, at most, on which something is under way."""


class Connection:
    """From a client that was accepted to the server; `name` is what a firing calls it.

    `crashed` is told what went wrong in the proxy itself: the connection is then reset, and the run proves nothing.
    `passage` gives where the server wants to be told what was done to what comes from a port.
    """

    def __init__(
        self,
        name: str,
        client: socket.socket,
        *,
        stream: random.Random,
        crashed: Callable[[BaseException], None],
        passage: Callable[[int], Passage],
    ) -> None:
        self.meetings: list[Meeting] = []
        self._name = name
        self._stream = stream
        self._crashed = crashed
        self._loop = asyncio.get_running_loop()
        self._client, self._server = client, socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._server.setblocking(False)
        self._server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._up = Pipe(self, "up", self._client, self._server)
        self._down = Pipe(self, "down", self._server, self._client)
        self._over: asyncio.Future[bool] = self._loop.create_future()
        self._changed = asyncio.Event()
        self._timers: dict[Meeting, asyncio.TimerHandle] = {}
        self._linger: asyncio.TimerHandle | None = None
        self._directions_left = 2
        self._passage = passage
        self._passed = Passage(lambda _ordinal, _fault: None)
        self._requests = 0
        self._last = ""
        self._answered = True
        self._held = {"up": 0, "down": 0}
        self._left = False
        self._rested_s = self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a request is on its way, or its answer."""
        return self._last == "up" or self._held["down"] > 0 or self._passed.answering

    @property
    def used(self) -> bool:
        """Whether anything was ever said on it."""
        return self.busy or self._requests > 0

    async def run(self, address: tuple[str, int], opened: Callable[["Connection"], None]) -> None:
        """Carry what both ends say until both have ended, or were ended; without a server it ends by a reset."""
        tasks = [self._start(self._connect(address))]
        broken = True
        try:
            first: set[asyncio.Future[Any]] = {*tasks, self._over}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not self._over.done():
                opened(self)
                pipes = (self._up, self._down)
                tasks += [self._start(pipe.read()) for pipe in pipes]
                tasks += [self._start(self._carry(pipe)) for pipe in pipes]
            broken = await self._over
        finally:
            await self._leave(tasks, broken=broken)

    async def _connect(self, address: tuple[str, int]) -> None:
        """Reach the server."""
        try:
            await self._loop.sock_connect(self._server, address)
        except OSError:
            self.end(reset=True)
        else:
            self._passed = self._passage(self._server.getsockname()[1])

    async def _carry(self, pipe: Pipe) -> None:
        """Pass on all that comes, and its end; with the second end the connection is over."""
        await pipe.write()
        self._directions_left -= 1
        if not self._directions_left:
            self.end(reset=False)

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        task.add_done_callback(self._stopped)
        return task

    def _stopped(self, task: "asyncio.Task[None]") -> None:
        """See to it that nothing goes wrong unseen."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crashed(error)
            self.end(reset=True)

    async def _leave(self, tasks: "list[asyncio.Task[None]]", *, broken: bool) -> None:
        """Stop whatever runs, and then close both sockets: not before, since their numbers are soon another's."""
        for handle in (*self._timers.values(), self._linger):
            if handle is not None:
                handle.cancel()
        try:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        finally:
            for one in (self._client, self._server):
                reset(one) if broken else one.close()

    def end(self, *, reset: bool) -> None:
        """End both ends, by RST or in order; nothing passes any more."""
        self._up.stop()
        self._down.stop()
        if not self._over.done():
            self._over.set_result(reset)

    def meet(self, applied: Applied) -> None:
        """A toxic acts on this connection from now on."""
        meeting = Meeting(applied, self._name, self._loop.time())
        self.meetings.append(meeting)
        self._wake()
        self._watch(meeting)

    def part(self, applied: Applied) -> None:
        """A toxic has gone; where it was here, what it still held back goes on, or ends."""
        for meeting in [one for one in self.meetings if one.applied is applied]:
            self.meetings.remove(meeting)
            if (handle := self._timers.pop(meeting, None)) is not None:
                handle.cancel()
            if meeting.ripe and meeting.toxic.then == "fin":
                self._hang_up()
            if meeting.swallowed:
                self.end(reset=True)
        self._wake()

    def heard(self, direction: str) -> float:
        """Bytes came; how far off its mean the lateness of these is, from -1 to 1."""
        self._held[direction] += 1
        if direction == "up":
            begins, self._answered, self._last = self._answered, False, "up"
            if begins:
                self._asked(self._loop.time() - self._rested_s)
        else:
            self._answered = True
            for meeting in [one for one in self.meetings if one.dropping]:
                self.note(meeting, "an answer was dropped")
                self._hang_up()
        return self._stream.uniform(-1.0, 1.0)

    def passed(self, direction: str) -> None:
        """Bytes that came have all been passed on; down, the connection is at rest until something goes up."""
        self._held[direction] -= 1
        if direction == "down":
            self._last, self._rested_s = "down", self._loop.time()

    def finished(self, direction: str) -> None:
        """One end says no more; a client that does has left, and what becomes of its answer is nothing to it."""
        self._left = self._left or direction == "up"

    def note(self, meeting: Meeting, what: str, direction: str = "down") -> None:
        """Note what a toxic did here: to a request or its answer, if one is on its way and somebody waits for it."""
        if self._left and direction == "down":
            return
        if self.busy:
            self.touched(meeting.applied.fault)
            meeting.note(what)
        elif self._requests:
            meeting.applied.ended(meeting, what)
        else:
            meeting.note(what)

    def touched(self, fault: str) -> None:
        """Let the server know which fault did something to the request that is on its way."""
        self._passed.felt(self._requests, fault)

    def _asked(self, idle_s: float) -> None:
        """A request begins, on a connection that has been idle for so long."""
        reused = self._requests > 0
        self._requests += 1
        for meeting in self.meetings:
            toxic = meeting.toxic
            if toxic.drop_nth is not None:
                meeting.dropping = meeting.applied.drops()
            if meeting.ripe and toxic.then == "fin":
                self.note(meeting, "a request came after both ends were closed", "up")
            if reused and toxic.then == "reset" and toxic.idle_s is not None and idle_s >= toxic.idle_s:
                self.ripen(meeting, "up")

    def _watch(self, meeting: Meeting) -> None:
        """Let happen what is due by now, or look again when something may be."""
        toxic, now_s = meeting.toxic, self._loop.time()
        due_s = [] if toxic.after_ms is None else [meeting.began_s + toxic.after_ms / 1000]
        if toxic.idle_s is not None and toxic.then != "reset":
            used = self.busy or not self._requests
            due_s.append(now_s + max(LOOK_S, toxic.idle_s) if used else self._rested_s + toxic.idle_s)
        if meeting.ripe or not due_s:
            return
        if min(due_s) <= now_s:
            self.ripen(meeting)
        else:
            self._timers[meeting] = self._loop.call_at(min(due_s), self._watch, meeting)

    def ripen(self, meeting: Meeting, direction: str = "down") -> None:
        """The toxic's `then` happens, where the connection has not ended; to bytes that go in a direction, if to any."""
        meeting.ripe = True
        if self._over.done():
            return
        toxic = meeting.toxic
        if toxic.then == "fin":
            self.note(meeting, "both ends were closed", direction)
            self._up.close()
            if not toxic.close_delay_ms:
                self._hang_up()
            else:
                late_s = toxic.close_delay_ms / 1000
                self._timers[meeting] = self._loop.call_later(late_s, self._hang_up)
        elif toxic.then == "reset":
            self.note(meeting, "both ends were reset", direction)
            self.end(reset=True)
        elif toxic.then == "half":
            self.note(meeting, "one direction was closed", direction)
            for one, pipe in (("up", self._up), ("down", self._down)):
                if toxic.shapes(one):
                    pipe.close()
        else:
            self._wake()  # what is on its way goes into the hole

    def _hang_up(self) -> None:
        """Close the client's side in order, and let both ends close theirs."""
        self._down.close()
        if self._linger is None:
            self._linger = self._loop.call_later(LINGER_S, lambda: self.end(reset=False))

    async def until(self, due_s: float | None) -> None:
        """Wait until then (None for ever), or until the toxics change."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due_s):
                await self._changed.wait()

    def _wake(self) -> None:
        """Let everything that waits look at the toxics again."""
        self._changed.set()
        self._changed = asyncio.Event()


def reset(one: socket.socket) -> None:
    """Close a socket by RST: what it has not sent yet is forgotten."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
