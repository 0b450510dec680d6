"""One direction of a connection: bytes are read as they come, kept in bounds, and passed on as the toxics let them."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Protocol

from harness.wire import Meeting

READ_BYTES = 16 * 1024
CHUNKS_MAX = 16
"""Chunks that are kept at once; a sender that is ahead of more is held up by its own full socket."""

PER_S = 20
"""A bandwidth is kept to in so many pieces a second."""

FELT_S = 0.001
"""What takes less than this is not waited for."""


class Life(Protocol):
    """What a pipe needs of its connection."""

    meetings: list[Meeting]

    def heard(self, direction: str) -> float:
        """Bytes came; how far off its mean the lateness of these is, from -1 to 1."""

    def passed(self, direction: str) -> None:
        """Bytes that came have all been passed on."""

    def finished(self, direction: str) -> None:
        """No more bytes will come."""

    def note(self, meeting: Meeting, what: str, direction: str) -> None:
        """The toxic did something to bytes that go in a direction."""

    def ripen(self, meeting: Meeting, direction: str) -> None:
        """The toxic's `then` is to happen, to bytes that go in a direction."""

    async def until(self, due_s: float | None) -> None:
        """Wait until then, or until the toxics change."""

    def end(self, *, reset: bool) -> None:
        """End both ends."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What was read at once; nothing is the end."""

    at_s: float
    jitter: float
    data: bytes


class Pipe:
    """From `source` to `target`; `direction` is `up` or `down`."""

    def __init__(self, life: Life, direction: str, source: socket.socket, target: socket.socket) -> None:
        self._life = life
        self._direction = direction
        self._source = source
        self._target = target
        self._chunks: asyncio.Queue[_Chunk] = asyncio.Queue(CHUNKS_MAX)
        self._loop = asyncio.get_running_loop()
        self._broken = False
        self._shut = False

    async def read(self) -> None:
        """Take in what the source sends, to its end."""
        data = b"-"
        while data:
            try:
                data = await self._loop.sock_recv(self._source, READ_BYTES)
            except OSError:
                data, self._broken = b"", True
            jitter = self._life.heard(self._direction) if data else 0.0
            await self._chunks.put(_Chunk(self._loop.time(), jitter, data))
        self._life.finished(self._direction)

    async def write(self) -> None:
        """Pass it on, and its end."""
        while (chunk := await self._chunks.get()).data:
            await self._deliver(chunk)
        await self._close(chunk)

    def close(self) -> None:
        """Close the target in this direction (FIN); what comes from now on is thrown away."""
        if not self._shut:
            self._shut = True
            with contextlib.suppress(OSError):  # it is gone
                self._target.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """Pass nothing on from now on."""
        self._shut = True

    def _acting(self) -> list[Meeting]:
        return [one for one in self._life.meetings if one.toxic.shapes(self._direction)]

    async def _deliver(self, chunk: _Chunk) -> None:
        """Pass one chunk on, piece by piece: between two of them the toxics may be others."""
        left = memoryview(chunk.data)
        while left and not self._shut:
            await self._late(chunk)
            await self._paced(self._size(len(left)))
            if self._swallowed():
                return
            if any(self._ripened(one) for one in self._acting()):
                continue
            size = self._size(len(left))
            try:
                await self._loop.sock_sendall(self._target, left[:size])
            except OSError:  # it is gone, as the other pipe sees too
                self._shut = True
                return
            left = left[size:]
            if not left:
                self._life.passed(self._direction)
            await self._apart(size, more=bool(left))

    async def _late(self, chunk: _Chunk) -> None:
        """Wait until the chunk is as late as it is to be."""
        while True:
            late_s, slow = 0.0, []
            for one in self._acting():
                own_s = max(0.0, one.toxic.latency_ms + chunk.jitter * one.toxic.jitter_ms) / 1000
                late_s += own_s
                slow += [one] if own_s else []
            if chunk.at_s + late_s <= self._loop.time():
                return
            for one in slow if chunk.data else ():
                self._life.note(one, "bytes came late", self._direction)
            await self._life.until(chunk.at_s + late_s)

    async def _paced(self, size: int) -> None:
        """Wait as long as so many bytes take; what is shorter than a millisecond adds up first."""
        for one in self._acting():
            if one.toxic.bytes_per_s is not None:
                begins_s = max(one.free_s[self._direction], self._loop.time())
                one.free_s[self._direction] = begins_s + size / one.toxic.bytes_per_s
        while early := [one for one in self._acting() if self._early_s(one) >= FELT_S]:
            for one in early:
                self._life.note(one, "bytes were held to a rate", self._direction)
            await self._life.until(self._loop.time() + max(self._early_s(one) for one in early))

    def _early_s(self, meeting: Meeting) -> float:
        """How long it takes until the last bytes are through that a toxic holds to its rate."""
        return meeting.free_s[self._direction] - self._loop.time()

    def _swallowed(self) -> bool:
        """Whether what is here goes into a hole."""
        holes = [one for one in self._life.meetings if one.swallows(self._direction)]
        for one in holes:
            one.swallowed = True
            self._life.note(one, "bytes were swallowed", self._direction)
        return bool(holes)

    def _ripened(self, meeting: Meeting) -> bool:
        """Let a toxic have its `then`, if no byte may pass before it."""
        ripens = meeting.left_bytes(self._direction) == 0
        if ripens:
            self._life.ripen(meeting, self._direction)
        return ripens

    def _size(self, size: int) -> int:
        """How many of so many bytes are passed on as one piece."""
        for one in self._acting():
            left = one.left_bytes(self._direction)
            size = size if left is None else min(size, left)
            if one.toxic.bytes_per_s is not None:
                size = min(size, max(1, int(one.toxic.bytes_per_s / PER_S)))
            if one.toxic.chunk_bytes is not None:
                size = min(size, one.toxic.chunk_bytes)
        return size

    async def _apart(self, size: int, *, more: bool) -> None:
        """Count a piece that was passed on, and keep the rest of its chunk away from it."""
        apart_s = 0.0
        for one in self._acting():
            one.passed[self._direction] += size
            if one.toxic.chunk_bytes is not None and more:
                self._life.note(one, "bytes were cut into pieces", self._direction)
                apart_s = max(apart_s, one.toxic.gap_ms / 1000)
        if apart_s:
            await self._life.until(self._loop.time() + apart_s)

    async def _close(self, chunk: _Chunk) -> None:
        """Pass the end on: late, not at all while there is a hole, and as a reset where it was one."""
        await self._late(chunk)
        while slow := [one for one in self._acting() if one.toxic.close_delay_ms]:
            due_s = chunk.at_s + sum(one.toxic.close_delay_ms for one in slow) / 1000
            if due_s <= self._loop.time():
                break
            for one in slow:
                self._life.note(one, "a close was passed on late", self._direction)
            await self._life.until(due_s)
        while any(one.swallows(self._direction) for one in self._life.meetings):
            await self._life.until(None)
        if self._broken:
            self._life.end(reset=True)
        else:
            self.close()
