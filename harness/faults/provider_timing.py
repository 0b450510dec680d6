"""The provider is slow: with its first byte, between its bytes, after its head, or until somebody else has asked too."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import NO_WIRE, HeldFault, ProviderFault
from harness.faults.holds import own_answer
from harness.faults.provider_wire import framed, parts_of, wire
from harness.registry import Invariant, fault
from harness.rig import Answer, Call, Reply, Rig, Rule, check
from harness.wire import Part, Pause


@fault("provider.slow_first_byte")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSlowFirstByte(HeldFault):
    """The status line comes `delay_s` seconds late, give or take up to `jitter_s`; the same call is always as late."""

    delay_s: float = 3.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        check("delay_s", self.delay_s, 0.001, 86_400)
        check("jitter_s", self.jitter_s, 0, self.delay_s)

    def _held_s(self, call: Call) -> float:
        return self.delay_s + self.jitter_s * random.Random(f"jitter-{call.ordinal}").uniform(-1, 1)


@fault("provider.slow_drip")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSlowDrip(ProviderFault):
    """The body comes in pieces of `chunk_bytes`, with `interval_s` seconds before each.

    A read timeout is one read's, so it never ends this; only a bound on the whole does.
    """

    on_wire: ClassVar[bool] = True

    interval_s: float = 0.5
    chunk_bytes: int = 16

    def __post_init__(self) -> None:
        check("interval_s", self.interval_s, 0.001, 3_600)
        check("chunk_bytes", self.chunk_bytes, 1, 1_000_000)

    def _rule(self) -> Rule:
        return wire(lambda reply: framed(reply, *self._dripping(reply)))

    def _dripping(self, reply: Reply) -> Iterator[Part]:
        """The parts of the reply, its bytes in pieces."""
        for part in parts_of(reply):
            if not isinstance(part, bytes):
                yield part
                continue
            for start in range(0, len(part), self.chunk_bytes):
                yield Pause(for_s=self.interval_s)
                yield part[start : start + self.chunk_bytes]


@fault("provider.headers_only")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHeadersOnly(ProviderFault):
    """The status and the headers come at once, and nothing of the body for `for_s` seconds (openai-node#1825)."""

    on_wire: ClassVar[bool] = True

    for_s: float = 30.0

    def __post_init__(self) -> None:
        check("for_s", self.for_s, 0.001, 86_400)

    def _rule(self) -> Rule:
        return wire(lambda reply: framed(reply, Pause(for_s=self.for_s), *parts_of(reply)))


@fault("provider.late_reply")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLateReply(HeldFault):
    """The answer comes `late_s` seconds after its caller has stopped waiting, and must not be taken for a newer one.

    How long the caller waits is what the call says (`x-stainless-read-timeout`, as OpenAI's client does), else
    `timeout_s`. A caller that closes its connection then is sent nothing any more.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (own_answer,)

    late_s: float = 0.5
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        check("late_s", self.late_s, 0.001, 86_400)
        check("timeout_s", self.timeout_s, 0.001, 86_400)

    def _held_s(self, call: Call) -> float:
        try:
            waits_s = float(call.headers.get("x-stainless-read-timeout", self.timeout_s))
        except ValueError:
            waits_s = self.timeout_s
        return waits_s + self.late_s


@fault("provider.pool_held", stages=("live",), because=NO_WIRE, drill="crowd")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPoolHeld(ProviderFault):
    """No call is answered until `sockets` of them wait, or each has waited `for_s` seconds: a pool of fewer is empty.

    The default is a little less than come at once in a crowd: who has that many connections is let go at once, and
    who has fewer waits for them. Calls that wait when this ends are answered at once.
    """

    sockets: int = 40
    for_s: float = 3.0

    def __post_init__(self) -> None:
        check("sockets", self.sockets, 2, 100_000)
        check("for_s", self.for_s, 0.001, 86_400)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Break on entry, mend on exit."""
        crowd = _Crowd(self.sockets, self.for_s)
        async with rig.provider.wrapped(self.name, crowd.held, self.window):
            try:
                yield
            finally:
                crowd.let_go()


class _Crowd:
    """The calls that wait for one another."""

    def __init__(self, most: int, for_s: float) -> None:
        self._most = most
        self._for_s = for_s
        self._waiting = 0
        self._gone = asyncio.Event()

    async def held(self, call: Call, answer: Answer) -> Reply:
        """Hold a call until there are enough, or it has waited long enough."""
        gone = self._gone
        self._waiting += 1
        if self._waiting >= self._most:
            self.let_go()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._for_s):
                    await gone.wait()
        finally:
            if gone is self._gone:
                self._waiting -= 1
        return await answer(call)

    def let_go(self) -> None:
        """Let all go that wait now; those that come later wait for others."""
        self._gone.set()
        self._gone, self._waiting = asyncio.Event(), 0
