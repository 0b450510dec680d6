"""Clients whose connections are what is wrong: slow, silent, many, or in no order that HTTP has; all need a wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from harness.errors import InvalidRun
from harness.faults.base import NO_WIRE, closed
from harness.faults.client_base import HELD, ONCE, REFUSED, TAKEN, ClientFault, clients
from harness.faults.client_holds import too_large
from harness.faults.client_wire import connected, on_wire
from harness.registry import Invariant, fault
from harness.rig import Client, Clock, Incoming, Outgoing, Rig, Window, check
from harness.variants import chosen

LIVE = ("live",)


@fault("client.slow_reader", stages=LIVE, because=NO_WIRE, needs=("streams",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSlowReader(ClientFault):
    """The client reads its answer at `bytes_per_s`, for `slow_s` seconds, and has a small buffer; then it catches up."""

    bytes_per_s: float = 200.0
    slow_s: float = 0.5
    buffer_bytes: int = 1024

    def __post_init__(self) -> None:
        check("bytes_per_s", self.bytes_per_s, 1, 1e9)
        check("slow_s", self.slow_s, 0.01, 3600)
        check("buffer_bytes", self.buffer_bytes, 256, 1_000_000)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # it reads by its own
        return await client.send(
            on_wire(
                outgoing,
                bytes_per_s=self.bytes_per_s,
                slow_s=self.slow_s,
                buffer_bytes=self.buffer_bytes,
            )
        )


@fault("client.slowloris", stages=LIVE, because=NO_WIRE, needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSlowloris(ClientFault):
    """`n` clients send their request byte by byte, one in `byte_every_s`, and leave after `for_s`; others are served.

    `part` is what they are slow at: the `head`, or the `body` after a head that comes at once.
    """

    part: str = chosen("head", "body")
    n: int = 5
    byte_every_s: float = 0.05
    for_s: float = 1.0
    window: Window = ONCE

    def __post_init__(self) -> None:
        closed(self, "part")
        check("n", self.n, 1, 10_000)
        check("byte_every_s", self.byte_every_s, 0.001, 60)
        check("for_s", self.for_s, 0.01, 3600)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # it writes by its own
        async with asyncio.TaskGroup() as group:
            for _ in range(self.n):
                slow = on_wire(
                    client.another("Slowly, {canary}.", session=""),
                    byte_every_s=self.byte_every_s,
                    is_head_swift=self.part == "body",
                )
                expected = (*HELD, *REFUSED, 408)
                group.create_task(client.beside(slow, expected=expected, leave_after_s=self.for_s))
            own = group.create_task(client.send(outgoing))
        return own.result()


@fault("client.idle_connections", stages=LIVE, because=NO_WIRE, needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdleConnections(ClientFault):
    """`n` connections are opened with the first turn, and say nothing until the fault is healed; others are served."""

    n: int = 50
    window: Window = ONCE

    def __post_init__(self) -> None:
        check("n", self.n, 1, 10_000)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Break on entry, mend on exit."""
        async with AsyncExitStack() as held:

            async def rule(outgoing: Outgoing, client: Client) -> Incoming:
                assert client.address is not None, "it is played live"
                for number in range(self.n):
                    try:
                        await held.enter_async_context(connected(client.address))
                    except OSError as error:
                        if number == 0:  # none was opened: that is no fault of theirs
                            raise InvalidRun(f"{self.name}: {error}; nothing listens there") from error
                        break  # no more are taken: that is the target's right
                return await client.send(outgoing)

            async with clients(rig, self.name).wrapped(self.name, rule, self.window):
                yield


@fault("client.chunked_body", stages=LIVE, because=NO_WIRE, needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChunkedBody(ClientFault):
    """A message of `size_bytes` comes in chunks, without a length: against a promised limit bytes are counted, not believed."""

    size_bytes: int = 500_000
    window: Window = ONCE

    def __post_init__(self) -> None:
        check("size_bytes", self.size_bytes, 1000, 1_000_000_000)

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """A body above the promised limit is refused with 413."""
        return (too_large(self.name, self.size_bytes),)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        huge = client.another("x" * self.size_bytes, session="")
        await client.beside(on_wire(huge, chunk_bytes=65_536), expected=TAKEN)
        return await client.send(outgoing)


@fault("client.bad_framing", stages=LIVE, because=NO_WIRE, needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientBadFraming(ClientFault):
    """A request whose header contradicts itself or holds what no header may (RFC 9112, 6.3): it is refused.

    `form` is `two_lengths` (two that differ), `length_and_chunks` (both ways to tell the end; a server may take the
    chunks), `control` (a control character in a value) or `folded` (a line that goes on with the next).
    """

    form: str = chosen("two_lengths", "length_and_chunks", "control", "folded")
    window: Window = ONCE

    def __post_init__(self) -> None:
        closed(self, "form")

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        stranger = client.another("Hello from {canary}.", session="")
        lines = {
            "two_lengths": b"content-length: 7",
            "length_and_chunks": b"transfer-encoding: chunked",
            "control": b"x-note: a\x00b\x1b[31m",
            "folded": b"x-note: a\r\n b",
        }[self.form]
        lenient = HELD if self.form in ("length_and_chunks", "folded") else ()
        await client.beside(on_wire(stranger, lines=(lines,)), expected=(*lenient, *REFUSED))
        return await client.send(outgoing)
